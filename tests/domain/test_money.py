"""Text becomes money by exact rules, and integers become text without losing a digit."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provvypay.domain.currencies import CURRENCIES, Currency, digits_of
from provvypay.domain.money import AmountRefused, format_grouped, format_plain, parse_amount, to_decimal

AUD, JPY = CURRENCIES["AUD"], CURRENCIES["JPY"]
currencies = st.sampled_from(sorted(CURRENCIES.values(), key=lambda currency: currency.code))


@pytest.mark.parametrize(
    ("typed", "minor"),
    [
        ("1240", 1240_00),
        ("1,240.00", 1240_00),
        (" AUD 12.50 ", 12_50),
        ("12.5", 12_50),
        ("12.50 AUD", 12_50),
        ("0.50", 50),
        ("00012", 12_00),
        ("1,000,00", None),
        # Half the world writes a point between thousands: this may mean twelve thousand five hundred.
        ("12.500", None),
    ],
)
def test_amounts_as_people_type_them(typed: str, minor: int | None) -> None:
    if minor is None:
        with pytest.raises(AmountRefused):
            parse_amount(typed, AUD)
    else:
        assert parse_amount(typed, AUD) == minor


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "",
            " ",
            "1e3",
            "NaN",
            "Infinity",
            "-0",
            "-5",
            "+5",
            "0.001",
            "９",
            "12٫5",
            "1.240,00",
            "99999999999999999999",
        ),
        *("0.49", "0", "1 240", "12.", ".5", "$5", "5\x00", "1,24"),
    ],
)
def test_what_is_not_an_amount_is_refused_with_a_sentence(typed: str) -> None:
    with pytest.raises(AmountRefused) as refused:
        parse_amount(typed, AUD)

    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    ("typed", "currency"), [("1.000", AUD), ("AUD 12.500", AUD), ("1,240.000", AUD), ("1.000", JPY), ("12.340", JPY)]
)
def test_a_point_between_thousands_is_never_read_as_the_decimal_point(typed: str, currency: Currency) -> None:
    with pytest.raises(AmountRefused, match=r"digits after the point\. .* One thousand is written 1,000\.$"):
        parse_amount(typed, currency)


@pytest.mark.parametrize(("typed", "currency"), [("12.3400", AUD), ("500.0", JPY), ("500.00", JPY)])
def test_zeros_beyond_the_currencys_digits_are_refused_like_others(typed: str, currency: Currency) -> None:
    with pytest.raises(AmountRefused, match="digits after the point"):
        parse_amount(typed, currency)


def test_yen_have_no_digits_after_the_point() -> None:
    assert parse_amount("500", JPY) == 500
    with pytest.raises(AmountRefused, match="no digits after the point"):
        parse_amount("500.5", JPY)


@given(currencies, st.data())
def test_whatever_is_written_can_be_read_back(currency: Currency, data: st.DataObject) -> None:
    minor = data.draw(st.integers(currency.least_minor, currency.most_minor))

    assert parse_amount(format_plain(minor, currency.code), currency) == minor
    assert parse_amount(format_grouped(minor, currency.code), currency) == minor
    assert to_decimal(minor, currency.code) * 10**currency.digits == Decimal(minor)


@given(currencies, st.integers(1, 99_999_999))
def test_stripe_counts_the_same_money(currency: Currency, minor: int) -> None:
    assert currency.from_stripe(currency.to_stripe(minor)) == minor


@given(st.text(max_size=30))
def test_no_text_breaks_the_reader(typed: str) -> None:
    try:
        minor = parse_amount(typed, AUD)
    except AmountRefused:
        return
    assert AUD.least_minor <= minor <= AUD.most_minor


def test_three_decimal_currencies_are_known_but_not_offered() -> None:
    assert digits_of("KWD") == 3
    assert "KWD" not in CURRENCIES
