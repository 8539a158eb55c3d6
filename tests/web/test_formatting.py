"""How amounts and times read: the words of the design reference."""

import datetime as dt

import pytest
import time_machine

from provvypay.web import formatting

NOW = dt.datetime(2026, 11, 24, 3, 4, 9, tzinfo=dt.UTC)


@pytest.fixture
def in_sydney(app):
    with app.test_request_context("/", base_url="http://127.0.0.1"), time_machine.travel(NOW, tick=False):
        formatting.use_time_zone("Australia/Sydney")
        yield


@pytest.mark.parametrize(
    ("amount", "currency", "reads"),
    [(124000, "AUD", "AUD 1,240.00"), (5, "EUR", "EUR 0.05"), (1240, "JPY", "JPY 1,240")],
)
def test_money_shows_code_grouping_and_every_digit(amount, currency, reads):
    assert formatting.money(amount, currency) == reads
    assert " ".join(formatting.amount_parts(amount, currency)) == reads


@pytest.mark.parametrize(
    ("units", "asset", "reads"),
    [(809346649, "USDC", "809.346649"), (1, "HBAR", "0.00000001"), (123456789012, "USDT", "123,456.789012")],
)
def test_tokens_show_all_their_digits(units, asset, reads):
    assert formatting.token(units, asset) == reads


@pytest.mark.parametrize(
    ("ago", "reads"),
    [
        (dt.timedelta(0), "14:04"),
        (dt.timedelta(hours=14), "00:04"),
        (dt.timedelta(hours=15), "Mon 23 Nov"),
        (dt.timedelta(days=6), "Wed 18 Nov"),
        (dt.timedelta(days=7), "17 Nov 2026"),
        (dt.timedelta(days=400), "20 Oct 2025"),
    ],
)
def test_a_time_reads_as_people_say_it(in_sydney, ago, reads):
    assert formatting.when(NOW - ago) == reads


@pytest.mark.parametrize(
    ("ahead", "reads"),
    [(dt.timedelta(hours=2), "Tue 24 Nov, 16:04"), (dt.timedelta(days=60), "Sat 23 Jan 2027, 14:04")],
)
def test_what_is_to_come_has_its_day_and_hour(in_sydney, ahead, reads):
    assert formatting.when(NOW + ahead) == reads


def test_the_exact_time_names_seconds_and_zone(in_sydney):
    assert formatting.when_exact(NOW) == "24 Nov 2026, 14:04:09 AEDT"
    formatting.use_time_zone("America/Sao_Paulo")
    assert formatting.when_exact(NOW) == "24 Nov 2026, 00:04:09 UTC-03"


def test_machines_get_the_instant_in_utc(in_sydney):
    assert formatting.iso(NOW.astimezone(dt.timezone(dt.timedelta(hours=11)))) == "2026-11-24T03:04:09Z"


def test_times_are_in_utc_for_visitors_of_no_organization(app):
    with app.test_request_context("/", base_url="http://127.0.0.1"), time_machine.travel(NOW, tick=False):
        assert formatting.when(NOW) == "03:04"
