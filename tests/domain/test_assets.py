"""Tokens due are rounded up to the token's smallest unit, never down."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provvypay.domain.assets import ASSETS, tokens_due

rates = st.decimals(
    min_value=Decimal("0.0001"), max_value=Decimal(100000), places=8, allow_nan=False, allow_infinity=False
)


def test_a_bill_of_aud_1240_in_usdc() -> None:
    assert tokens_due(1240_00, "AUD", Decimal("1.5321"), ASSETS["USDC"]) == 809_346649


@given(st.integers(1, 99_999_999), rates, st.sampled_from(sorted(ASSETS)))
def test_what_is_due_pays_the_amount_and_one_unit_less_does_not(minor: int, rate: Decimal, code: str) -> None:
    asset = ASSETS[code]

    units = tokens_due(minor, "AUD", rate, asset)

    def worth(count: int) -> Decimal:
        return Decimal(count).scaleb(-asset.decimals) * rate

    owed = Decimal(minor).scaleb(-2)
    assert worth(units) >= owed - Decimal("1e-18")
    assert worth(units - 1) < owed


@pytest.mark.parametrize("rate", [Decimal(0), Decimal(-1)])
def test_a_rate_that_is_not_positive_is_refused(rate: Decimal) -> None:
    with pytest.raises(ValueError, match="positive"):
        tokens_due(100, "AUD", rate, ASSETS["HBAR"])
