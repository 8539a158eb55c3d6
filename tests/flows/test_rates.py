"""From the sources to what pages may offer: real HTTP, real PostgreSQL and Redis, every switch of the sandbox."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from provvypay.domain.assets import ASSETS
from provvypay.domain.currencies import CURRENCIES
from provvypay.domain.rates import RateTable
from provvypay.domain.statuses import LinkStatus
from provvypay.flows import current_rates as reading
from provvypay.flows.check_coins import check_coins
from provvypay.flows.current_rates import current_rates
from provvypay.flows.refresh_rates import refresh_rates
from provvypay.integrations.coingecko import CoinGeckoRefused, CoinGeckoUnavailable
from provvypay.kit import cache, counters
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.services.fx import sources
from provvypay.services.fx.offers import Offered, Paused, offer
from tests.support.database import acting_as, together
from tests.support.rates import forget_cached, refresh

pytestmark = pytest.mark.usefixtures("no_rates")

ALL = len(ASSETS) * len(CURRENCIES)
QUARTER = dt.timedelta(minutes=15)


def offered(asset: str, currency: str = "AUD", *, later: dt.timedelta = dt.timedelta()) -> Decimal | str:
    """Return the rate a token is offered at, or the sentence why it is not."""
    verdict = offer(asset, currency, current_rates(), now() + later)
    return verdict.rate.value if isinstance(verdict, Offered) else verdict.sentence


def source_of(asset: str, currency: str) -> str | None:
    rate = current_rates().get(asset, currency)
    return rate.source if rate else None


def asked(observer) -> dict[str, tuple[int, int, str]]:
    """Return how often each source was claimed, how often it failed in a row, and its last error."""
    rows = observer.sql("SELECT source, lease_token, failures, last_error FROM fx_sources")
    return {row.source: (row.lease_token, row.failures, row.last_error) for row in rows}


# ---------------------------------------------------------------- as it should be


def test_one_fetch_brings_every_token_in_every_currency(observer):
    assert refresh() == ALL

    assert len(current_rates()) == ALL
    assert {rate.source for rate in current_rates()} == {"COINGECKO"}
    assert all(isinstance(offered(asset, currency), Decimal) for asset in ASSETS for currency in CURRENCIES)
    assert observer.sql("SELECT count(*) FROM fx_rate_history")[0][0] == ALL
    assert asked(observer) == {"COINGECKO": (1, 0, ""), "MIRROR_NODE": (1, 0, "")}


def test_what_is_read_is_what_was_stored_wherever_it_is_read_from():
    refresh()

    from_process = list(current_rates())
    reading._brief.forget()
    from_redis = list(current_rates())
    forget_cached()
    from_postgresql = list(current_rates())

    assert from_process == from_redis == from_postgresql


def test_case_68_a_link_in_usd_is_worth_audd_at_its_rate():
    refresh()

    assert Decimal("0.5") < offered("AUDD", "USD") < Decimal("0.8")
    assert Decimal("0.99") < offered("AUDD", "AUD") < Decimal("1.01")


# ---------------------------------------------------------------- CoinGecko's switches


def test_a_price_that_was_set_is_quoted_with_all_its_digits(sandbox):
    sandbox.post("/rates", prices={"hedera-hashgraph": {"aud": "0.2829133123456789"}})
    refresh()

    assert offered("HBAR") == Decimal("0.2829133123456789")


def test_frozen_prices_are_not_offered_and_hbar_goes_by_the_mirror_node(sandbox):
    refresh()
    sandbox.post("/clock", offset_seconds=-7200)
    sandbox.post("/rates", frozen=True)
    sandbox.post("/clock", offset_seconds=0)
    refresh()

    assert offered("USDC") == "The rate for USDC in AUD is too old: its source last changed it 2 hours ago."
    assert (source_of("HBAR", "USD"), source_of("HBAR", "AUD")) == ("MIRROR_NODE", "CROSS")
    assert isinstance(offered("HBAR"), Decimal)


def test_a_coin_that_is_dropped_keeps_its_last_rate_until_it_is_too_old(sandbox, observer):
    refresh()
    before = offered("USDT")
    sandbox.post("/rates", missing_coins=["tether"])
    observer.sql("UPDATE fx_rates SET fetched_at = fetched_at - interval '10 minutes' WHERE asset = 'USDT'")

    assert refresh() == ALL - len(CURRENCIES)

    assert offered("USDT") == before
    assert offered("USDT", later=QUARTER) == "The rate for USDT in AUD is too old: we last had it 25 minutes ago."
    assert isinstance(offered("USDC"), Decimal)


def test_hbar_that_is_dropped_is_quoted_by_the_mirror_node(sandbox):
    refresh()
    sandbox.post("/rates", missing_coins=["hedera-hashgraph"])

    assert refresh() == ALL

    assert (source_of("HBAR", "USD"), source_of("HBAR", "AUD")) == ("MIRROR_NODE", "CROSS")
    assert source_of("USDC", "AUD") == "COINGECKO"


def test_a_currency_that_is_dropped_is_crossed_by_what_a_dollar_was(sandbox):
    refresh()
    before = {asset: offered(asset) for asset in ASSETS}
    sandbox.post("/rates", missing_currencies=["aud"])

    assert refresh() == ALL

    for asset in ("HBAR", "USDC", "USDT"):
        assert source_of(asset, "AUD") == "CROSS"
        assert abs(offered(asset) / before[asset] - 1) < Decimal("0.05")
    # its peg is AUD, and what it is worth there is no longer anybody's figure but our own
    assert source_of("AUDD", "AUD") == "CROSS"


def test_a_currency_that_was_never_there_cannot_be_crossed(sandbox):
    sandbox.post("/rates", missing_currencies=["aud"])
    refresh()

    assert offered("HBAR") == "There is no rate for HBAR in AUD at the moment."
    assert isinstance(offered("HBAR", "USD"), Decimal)


def test_a_cross_rate_is_made_from_nothing_older_than_a_day(sandbox, observer):
    refresh()
    observer.sql("UPDATE fx_rate_history SET as_of = as_of - interval '25 hours'")
    sandbox.post("/rates", missing_currencies=["aud"])
    refresh()

    assert source_of("HBAR", "AUD") == "COINGECKO"
    assert offered("HBAR", later=QUARTER).startswith("The rate for HBAR in AUD is too old")


def test_a_null_price_is_no_price(sandbox):
    refresh()
    sandbox.post("/rates", null_coins=["usd-coin", "hedera-hashgraph"])

    assert refresh() == ALL - len(CURRENCIES)

    assert source_of("HBAR", "USD") == "MIRROR_NODE"
    assert offered("USDC", later=QUARTER).startswith("The rate for USDC in AUD is too old")


def test_case_67_a_stablecoin_more_than_2_percent_off_its_peg_is_paused_everywhere_until_it_is_back(sandbox):
    for coin in ("usd-coin", "tether"):
        sandbox.post("/rates", prices={coin: {"usd": "1"}})
    sandbox.post("/rates", prices={"novatti-australian-digital-dollar": {"aud": "1"}})
    for coin, asset, peg in (
        ("usd-coin", "USDC", "USD"),
        ("tether", "USDT", "USD"),
        ("novatti-australian-digital-dollar", "AUDD", "AUD"),
    ):
        sandbox.post("/rates", depeg={coin: "0.9799"})
        refresh()
        sentence = f"{asset} is paused: it is worth 0.9799 {peg}, more than 2 % off its peg."
        assert {offered(asset, currency) for currency in CURRENCIES} == {sentence}
        assert [other for other in ASSETS if isinstance(offered(other), Decimal)] == [a for a in ASSETS if a != asset]

        sandbox.post("/rates", depeg={coin: "1.0201"})
        refresh()
        assert "1.0201" in offered(asset)

        # under that, quoted by its market rate
        sandbox.post("/rates", depeg={coin: "0.98"})
        refresh()
        assert offered(asset, peg) == Decimal("0.98")

    sandbox.post("/rates", depeg={})
    refresh()
    assert all(isinstance(offered(asset), Decimal) for asset in ASSETS)


@pytest.mark.parametrize(("retry_after", "least"), [(120, 119), (None, 59), (5, 59)])
def test_a_rate_limit_is_kept_for_as_long_as_it_says_and_a_minute_at_least(retry_after, least, sandbox, observer):
    sandbox.fault(vendor="coingecko", kind="rate_limit", retry_after=retry_after)
    refresh()

    (row,) = observer.sql(
        "SELECT extract(epoch FROM not_before - now()) AS wait FROM fx_sources WHERE source='COINGECKO'"
    )
    assert least <= row.wait <= least + 2
    sandbox._answer(sandbox._http.delete("/_control/faults"))
    refresh()
    assert source_of("USDC", "USD") is None, "CoinGecko was asked although it wanted to be left alone"
    assert asked(observer)["COINGECKO"][1] == 1

    observer.sql("UPDATE fx_sources SET not_before = now() - interval '1 second'")
    assert refresh() == ALL
    assert asked(observer)["COINGECKO"][1] == 0


def test_a_rate_limit_that_goes_on_is_asked_less_and_less(sandbox, observer):
    sandbox.fault(vendor="coingecko", kind="rate_limit", status=200)
    waits = []
    for _ in range(8):
        refresh()
        waits.append(observer.sql("SELECT extract(epoch FROM not_before - asked_at)::int FROM fx_sources")[0][0])
        observer.sql("UPDATE fx_sources SET not_before = NULL")

    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert asked(observer)["COINGECKO"][2] == "CoinGeckoUnavailable: rate limit"


@pytest.mark.parametrize("code", [10002, 10010, 10011])
def test_a_key_that_is_refused_waits_for_a_person_and_says_so(code, sandbox, observer):
    sandbox.fault(vendor="coingecko", kind="unauthorized", code=code)
    refresh()

    assert asked(observer)["COINGECKO"][1:] == (1, f"CoinGeckoRefused: 401: {code}")
    (row,) = observer.sql("SELECT extract(epoch FROM not_before - asked_at)::int AS wait FROM fx_sources LIMIT 1")
    assert row.wait == 300
    assert source_of("HBAR", "USD") == "MIRROR_NODE"


def test_html_instead_of_prices_is_a_failure_like_others(sandbox, observer):
    sandbox.fault(vendor="coingecko", kind="forbidden")
    refresh()

    assert asked(observer)["COINGECKO"][1] == 1
    assert "blocked" in asked(observer)["COINGECKO"][2]
    (row,) = observer.sql("SELECT not_before FROM fx_sources WHERE source = 'COINGECKO'")
    assert row.not_before is None, "the next fetch may ask again"


# ---------------------------------------------------------------- jumps


def test_a_jump_waits_for_the_next_fetch_and_pauses_the_token_meanwhile(sandbox):
    sandbox.post("/rates", prices={"hedera-hashgraph": {"usd": "0.18"}})
    refresh()
    sandbox.post("/rates", prices={"hedera-hashgraph": {"usd": "0.27"}})

    assert refresh() == ALL - len(CURRENCIES)

    assert offered("HBAR", "USD") == "HBAR is paused: its rate in USD jumped by 50 % and waits to be confirmed."
    assert current_rates().get("HBAR", "USD").value == Decimal("0.18")
    assert refresh() == ALL
    assert offered("HBAR", "USD") == Decimal("0.27")


def test_a_slip_that_is_gone_by_the_next_fetch_was_never_a_rate(sandbox, observer):
    sandbox.post("/rates", prices={"hedera-hashgraph": {"usd": "0.18"}})
    refresh()
    sandbox.post("/rates", prices={"hedera-hashgraph": {"usd": "0.018"}})
    refresh()
    sandbox.post("/rates", prices={"hedera-hashgraph": {"usd": "0.181"}})
    refresh()

    assert offered("HBAR", "USD") == Decimal("0.181")
    assert observer.sql("SELECT min(rate) FROM fx_rate_history WHERE (asset, currency) = ('HBAR', 'USD')")[0][0] == (
        Decimal("0.18")
    )


def test_two_different_jumps_confirm_nothing(sandbox):
    sandbox.post("/rates", prices={"hedera-hashgraph": {"usd": "0.18"}})
    refresh()
    for price in ("0.30", "0.50", "0.90"):
        sandbox.post("/rates", prices={"hedera-hashgraph": {"usd": price}})
        refresh()

        assert "waits to be confirmed" in offered("HBAR", "USD")
        assert current_rates().get("HBAR", "USD").value == Decimal("0.18")


def test_f_50_an_absurd_price_sells_nothing_even_when_it_is_repeated(sandbox):
    sandbox.post("/rates", prices={"hedera-hashgraph": {"usd": "0.18"}})
    sandbox.post("/mirror_node/exchange-rate", usd_per_hbar="0.18")
    refresh()
    sandbox.post("/rates", prices={"hedera-hashgraph": {"usd": "900000"}})

    for _ in range(3):
        refresh()
        assert offered("HBAR", "USD").startswith("HBAR is paused:")

    assert "two sources of its rate differ by " in offered("HBAR", "USD")
    assert isinstance(offered("USDC"), Decimal)


# ---------------------------------------------------------------- the second source


def test_case_66_sources_that_differ_by_more_than_a_tenth_raise_an_alert(sandbox, client):
    sandbox.post("/rates", prices={"hedera-hashgraph": {"usd": "0.18"}})
    sandbox.post("/mirror_node/exchange-rate", usd_per_hbar="0.164")
    refresh()
    assert client.open("GET", "/health/ready").json["checks"]["rates"] == "ok"
    sandbox.post("/mirror_node/exchange-rate", usd_per_hbar="0.163")

    with capture_logs() as logs:
        refresh()
        refresh()

    alarms = [line for line in logs if line["event"] == "rates.alarm"]
    assert [(line["log_level"], line["says"]) for line in alarms] == [
        ("error", "CoinGecko and the mirror node differ by 10 % about HBAR in USD.")
    ]
    health = client.open("GET", "/health/ready")
    assert (health.status, health.json["checks"]["rates"]) == (200, "degraded")
    assert offered("HBAR", "USD") == Decimal("0.18"), "an alert pauses nothing"

    sandbox.post("/mirror_node/exchange-rate", usd_per_hbar="0.17")
    with capture_logs() as logs:
        refresh()
    assert [line["about"] for line in logs if line["event"] == "rates.alarm_over"] == ["sources"]
    assert client.open("GET", "/health/ready").json["checks"]["rates"] == "ok"


def test_sources_that_contradict_each_other_pause_hbar_alone(sandbox):
    sandbox.post("/rates", prices={"hedera-hashgraph": {"usd": "0.18"}})
    sandbox.post("/mirror_node/exchange-rate", usd_per_hbar="0.12")
    refresh()

    assert offered("HBAR") == "HBAR is paused: two sources of its rate differ by 50 %."
    assert [asset for asset in ASSETS if isinstance(offered(asset), Decimal)] == ["USDC", "USDT", "AUDD"]


def test_f_49_without_coingecko_hbar_is_offered_in_every_currency_and_says_by_what(sandbox):
    refresh()
    before = {currency: offered("HBAR", currency) for currency in CURRENCIES}
    sandbox.fault(vendor="coingecko", kind="error", status=503)

    assert refresh() == len(CURRENCIES)

    for currency, rate in before.items():
        assert abs(offered("HBAR", currency) / rate - 1) < Decimal("0.05")
        found = current_rates().get("HBAR", currency)
        assert (found.source, bool(found.made_from)) == (
            ("MIRROR_NODE", False) if currency == "USD" else ("CROSS", True)
        )


def test_a_mirror_node_far_from_the_last_rate_is_not_believed_at_once(sandbox):
    sandbox.post("/rates", prices={"hedera-hashgraph": {"usd": "0.18"}})
    refresh()
    sandbox.fault(vendor="coingecko", kind="forbidden")
    sandbox.post("/mirror_node/exchange-rate", usd_per_hbar="0.10")

    assert refresh() == 0

    assert "jumped by 80 %" in offered("HBAR", "USD")
    assert "waits to be confirmed" in offered("HBAR", "EUR")


@pytest.mark.parametrize("trouble", [{"expired": "both"}, {"missing": True}], ids=["expired", "404"])
def test_without_the_mirror_node_nothing_changes_for_anybody(trouble, sandbox, observer):
    sandbox.post("/mirror_node/exchange-rate", **trouble)

    assert refresh() == ALL

    assert asked(observer)["MIRROR_NODE"][1] == 1
    assert asked(observer)["MIRROR_NODE"][2].startswith("MirrorNodeUnavailable: ")
    assert isinstance(offered("HBAR"), Decimal)


def test_case_66_without_both_the_last_rates_grow_old_cards_work_and_links_are_made(make, sandbox, observer):
    refresh()
    observer.sql("UPDATE fx_rates SET fetched_at = fetched_at - interval '20 minutes'")
    sandbox.fault(vendor="coingecko", kind="forbidden")
    sandbox.fault(vendor="mirror_node", kind="error", status=503)
    forget_cached()

    with pytest.raises(CoinGeckoUnavailable):
        refresh()

    assert offered("HBAR") == "The rate for HBAR in AUD is too old: we last had it 20 minutes ago."
    with acting_as("web"):
        link = make.link(status=LinkStatus.PAID)
    states = observer.sql(
        "SELECT kind, state, count(*) FROM fx_snapshots WHERE link_id = :id GROUP BY 1, 2", id=link.id
    )
    assert sorted(map(tuple, states)) == [("CREATION", "UNAVAILABLE", 4), ("SETTLEMENT", "UNAVAILABLE", 4)]


def test_a_fetch_that_fails_altogether_says_so_to_the_schedule(sandbox):
    sandbox.fault(vendor="coingecko", kind="unauthorized")
    sandbox.post("/mirror_node/exchange-rate", missing=True)

    with pytest.raises(CoinGeckoRefused):
        refresh()
    # while it is left alone, the mirror node's failure is the news
    with pytest.raises(Exception, match="404"):
        refresh()


def test_nothing_to_ask_is_no_failure(sandbox, observer):
    sandbox.fault(vendor="coingecko", kind="rate_limit")
    sandbox.fault(vendor="mirror_node", kind="rate_limit")
    with pytest.raises(CoinGeckoUnavailable):
        refresh()

    assert refresh() == 0
    assert asked(observer)["COINGECKO"][1] == asked(observer)["MIRROR_NODE"][1] == 1


# ---------------------------------------------------------------- one fetch at a time


def test_many_fetches_at_once_are_one_call(sandbox, observer):
    sandbox.fault(vendor="coingecko", kind="slow", seconds=0.5, remaining=1)

    def fetch(_number: int) -> int:
        with acting_as("worker"):
            return refresh_rates()

    results = together(6, fetch)

    assert sorted(results) == [0, 0, 0, 0, 0, ALL]
    assert asked(observer)["COINGECKO"][0] == 1


def test_a_fetch_that_lost_its_lease_writes_nothing(sandbox, observer):
    with acting_as("worker"), transaction() as session:
        slow = sources.claim(session, ["COINGECKO", "MIRROR_NODE"])
    with acting_as("worker"), transaction() as session:
        assert sources.claim(session, ["COINGECKO", "MIRROR_NODE"]) is None
    observer.sql("UPDATE fx_sources SET lease_until = now() - interval '1 second'")
    with acting_as("worker"), transaction() as session:
        quick = sources.claim(session, ["COINGECKO", "MIRROR_NODE"])

    with acting_as("worker"), transaction() as session:
        assert not sources.answered(session, slow["COINGECKO"], None, at=now())
        assert not sources.failed(session, slow["MIRROR_NODE"], "late", at=now(), wait_seconds=0)
        assert sources.answered(session, quick["COINGECKO"], None, at=now())
        assert sources.left_alone(session, quick["MIRROR_NODE"])

    assert asked(observer) == {"COINGECKO": (2, 0, ""), "MIRROR_NODE": (2, 0, "")}


def test_a_fetch_overtaken_while_it_waited_keeps_its_hands_off(sandbox, observer):
    """Its lease ends while CoinGecko is slow; another fetch takes over before it comes back."""
    sandbox.fault(vendor="coingecko", kind="slow", seconds=1.0, remaining=1)

    def act(number: int) -> int:
        if number == 0:
            with acting_as("worker"):
                return refresh_rates()
        deadline = now() + dt.timedelta(seconds=5)
        while not observer.sql("UPDATE fx_sources SET lease_until = now() - interval '1 s' RETURNING source"):
            assert now() < deadline
        with acting_as("worker"):
            return refresh_rates()

    assert together(2, act) == [0, ALL]
    assert asked(observer)["COINGECKO"][0] == 2


# ---------------------------------------------------------------- reading


def test_redis_flushed_or_away_costs_time_and_no_rate(settings):
    refresh()
    expected = list(current_rates())
    cache.connection().flushdb()
    reading._brief.forget()
    assert list(current_rates()) == expected

    cache.configure("unix:///nowhere/at/all.sock")
    try:
        assert list(current_rates()) == expected
        assert refresh() == ALL
        assert len(current_rates()) == ALL
    finally:
        cache.configure(settings.redis_url)


def test_a_crowd_that_comes_while_nothing_is_cached_asks_postgresql_once(sandbox):
    refresh()
    forget_cached()
    counters.hand_over()
    before = counters.totals()

    tables = together(12, lambda _number: current_rates())

    after = counters.totals()
    assert all(isinstance(table, RateTable) and len(table) == ALL for table in tables)
    assert after[("rates.cache", "miss")] - before.get(("rates.cache", "miss"), 0) == 1
    assert after[("rates.cache", "hit")] - before.get(("rates.cache", "hit"), 0) == 11


def test_no_rate_at_all_is_an_empty_table():
    assert len(current_rates()) == 0
    assert isinstance(offer("HBAR", "AUD", current_rates(), now()), Paused)


def test_an_id_coingecko_does_not_know_is_cried_out_and_told_on_the_platform_s_page(sandbox, observer):
    refresh()
    with acting_as("worker"):
        assert check_coins() == ()
        sandbox.post("/rates", missing_coins=["novatti-australian-digital-dollar"])
        with capture_logs() as logs:
            assert check_coins() == ("AUDD",)

    assert [line["coins"] for line in logs] == ["AUDD as novatti-australian-digital-dollar"]
    assert asked(observer)["COINGECKO"] == (
        1,
        0,
        "It does not know AUDD as novatti-australian-digital-dollar: no rate for it will come.",
    )


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "rate_limit", "retry_after": 90}, CoinGeckoUnavailable),
        ({"kind": "rate_limit", "status": 200}, CoinGeckoUnavailable),
        ({"kind": "error", "status": 503}, CoinGeckoUnavailable),
        ({"kind": "unauthorized", "code": 10010}, CoinGeckoRefused),
    ],
)
def test_the_list_of_coins_fails_as_the_prices_do(fault, error, sandbox):
    sandbox.fault(vendor="coingecko", **fault)

    with acting_as("worker"), pytest.raises(error):
        check_coins()


def test_the_list_of_coins_is_not_asked_for_while_coingecko_wants_to_be_left_alone(sandbox, observer):
    refresh()
    observer.sql("UPDATE fx_sources SET not_before = clock_timestamp() + interval '5 minutes'")

    with acting_as("worker"), pytest.raises(CoinGeckoUnavailable, match="left alone"):
        check_coins()


def test_the_clock_runs_all_of_it_by_name(observer, make):
    from provvypay.jobs import scheduled

    with acting_as("worker"):
        for name in ("rates.refresh", "rates.fill", "rates.prune", "rates.coins"):
            scheduled.run(name)

    assert len(current_rates()) == ALL
    rows = observer.sql("SELECT name, last_error FROM schedules WHERE name LIKE 'rates.%'")
    assert all(row.last_error == "" for row in rows)


def test_pages_are_served_from_the_cache_more_than_nine_times_in_ten(signed_in, make, observer):
    """A merchant's morning: rates pages, links made and settled, and one Redis that forgets twice."""
    refresh()
    with acting_as("web"):
        client = signed_in()
        counters.hand_over()
        before = counters.totals()
        for number in range(60):
            if number in {0, 30}:
                forget_cached()
            assert client.get("settings.rates").status == 200
            if number % 5 == 0:
                make.link(status=LinkStatus.PAID)
            if number % 10 == 0:
                # as another process, or a second later, would come
                reading._brief.forget()

    after = counters.totals()
    hits, misses = (
        after.get(("rates.cache", kind), 0) - before.get(("rates.cache", kind), 0) for kind in ("hit", "miss")
    )
    assert misses == 2
    assert hits + misses == 84
    assert hits / (hits + misses) > 0.9
