"""CoinGecko's stand-in: prices that walk, and everything that can go wrong with them."""

import json
import time
from decimal import Decimal

import pytest

COINS = {
    "hedera-hashgraph": "hbar",
    "usd-coin": "usdc",
    "tether": "usdt",
    "novatti-australian-digital-dollar": "audd",
}


@pytest.fixture
def gecko(sandbox, http):
    def get(path, headers=None, **params):
        return http.get(f"{sandbox.url}/coingecko/api/v3{path}", params=params, headers=headers or {})

    return get


@pytest.fixture
def prices(gecko):
    """Ask as the product does, and read every number as a Decimal."""

    def ask(currencies="usd,aud,eur", **more):
        wanted = {"include_last_updated_at": "true", "precision": "full", **more}
        answer = gecko("/simple/price", ids=",".join(COINS), vs_currencies=currencies, **wanted)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text, parse_float=Decimal, parse_int=Decimal)

    return ask


def test_prices_stay_near_their_anchors(prices):
    now = prices()

    assert set(now) == set(COINS)
    assert Decimal("0.17") < now["hedera-hashgraph"]["usd"] < Decimal("0.19")
    for coin, currency in (("usd-coin", "usd"), ("tether", "usd"), ("novatti-australian-digital-dollar", "aud")):
        assert abs(now[coin][currency] - 1) < Decimal("0.002")
    cross = now["hedera-hashgraph"]["aud"] / now["hedera-hashgraph"]["usd"]
    assert abs(cross - now["tether"]["aud"] / now["tether"]["usd"]) < Decimal("0.0001")
    for row in now.values():
        assert 0 <= time.time() - int(row["last_updated_at"]) <= 61


def test_prices_move_with_time_and_repeat_with_the_seed(prices, control):
    control("rates", {"seed": 3, "frozen": True})
    frozen = prices()
    control("clock", {"advance_seconds": 3600})
    assert prices() == frozen

    control("rates", {"seed": 4})
    assert prices() != frozen
    control("rates", {"seed": 3})
    assert prices() == frozen

    control("rates", {"frozen": False})
    moved = prices()
    assert moved["hedera-hashgraph"]["usd"] != frozen["hedera-hashgraph"]["usd"]
    assert moved["hedera-hashgraph"]["last_updated_at"] > frozen["hedera-hashgraph"]["last_updated_at"]


def test_a_price_can_be_fixed_and_its_other_currencies_follow(prices, control):
    control("rates", {"prices": {"hedera-hashgraph": {"usd": "0.25"}}})

    fixed = prices("usd,aud")["hedera-hashgraph"]
    assert fixed["usd"] == Decimal("0.25")
    assert Decimal("0.3") < fixed["aud"] < Decimal("0.5")

    control("rates", {"prices": {"hedera-hashgraph": {"aud": "0.4"}}})
    assert prices("aud")["hedera-hashgraph"]["aud"] == Decimal("0.4")
    control("rates", {"prices": {"hedera-hashgraph": None}})
    assert prices()["hedera-hashgraph"]["usd"] < Decimal("0.2")


def test_a_stablecoin_can_lose_its_peg(prices, control):
    control("rates", {"depeg": {"usd-coin": "0.95"}})

    assert abs(prices()["usd-coin"]["usd"] - Decimal("0.95")) < Decimal("0.002")


def test_unknown_coins_and_currencies_are_simply_missing(gecko):
    answer = gecko("/simple/price", ids="no-such-coin,tether", vs_currencies="usd,zzz").json()

    assert list(answer) == ["tether"]
    assert list(answer["tether"]) == ["usd"]
    assert gecko("/simple/price", ids="no-such-coin", vs_currencies="usd").json() == {}


def test_coins_and_currencies_can_be_taken_away(prices, control, gecko):
    control("rates", {"missing_coins": ["tether"], "missing_currencies": ["aud"], "null_coins": ["usd-coin"]})

    now = prices()

    assert "tether" not in now
    assert set(now["hedera-hashgraph"]) == {"usd", "eur", "last_updated_at"}
    assert now["usd-coin"]["usd"] is None
    assert "tether" not in [row["id"] for row in gecko("/coins/list").json()]
    assert "aud" not in gecko("/simple/supported_vs_currencies").json()
    control("rates", method="DELETE")
    assert "tether" in prices()


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"ids": "tether"}, 422),
        ({"vs_currencies": "usd"}, 422),
        ({"symbols": "hbar", "vs_currencies": "usd"}, 400),
        ({"ids": "tether", "vs_currencies": "usd", "precision": "19"}, 400),
        ({"ids": "tether", "vs_currencies": "usd", "precision": "much"}, 400),
    ],
)
def test_a_question_that_is_not_one_is_refused(gecko, params, status):
    answer = gecko("/simple/price", **params)

    assert answer.status_code == status
    assert answer.json()["error"]


def test_precision_and_extras_are_given_when_asked_for(gecko, control):
    control("rates", {"prices": {"tether": {"usd": "1.00021987"}}})

    def ask(**more):
        return json.loads(gecko("/simple/price", ids="tether", vs_currencies="usd", **more).text, parse_float=str)

    assert ask(precision="2")["tether"]["usd"] in ("1.00", "1.0", 1)
    assert ask(precision="full")["tether"]["usd"] == "1.00021987"
    assert ask()["tether"]["usd"] == "1.00022"
    extras = ask(include_market_cap="true", include_24hr_vol="true", include_24hr_change="true")["tether"]
    assert set(extras) == {"usd", "usd_market_cap", "usd_24h_vol", "usd_24h_change"}


def test_the_other_lists(gecko):
    assert gecko("/ping").json() == {"gecko_says": "(V3) To the Moon!"}
    assert len(gecko("/simple/supported_vs_currencies").json()) == 76
    listed = {row["id"]: row["symbol"] for row in gecko("/coins/list").json()}
    assert listed.items() >= COINS.items()
    rates = gecko("/exchange_rates").json()["rates"]
    assert (rates["btc"]["value"], rates["usd"]["type"]) == (1, "fiat")
    assert rates["aud"]["value"] / rates["usd"]["value"] == pytest.approx(1.5344, rel=0.001)
    assert gecko("/coins/tether/tickers").status_code == 404


@pytest.mark.parametrize(
    ("plan", "headers", "status", "code"),
    [
        ("demo", {}, 200, None),
        ("demo", {"x-cg-demo-api-key": "CG-abc"}, 200, None),
        ("demo", {"x-cg-demo-api-key": "abc"}, 401, 10002),
        ("demo", {"x-cg-pro-api-key": "CG-abc"}, 401, 10010),
        ("pro", {"x-cg-pro-api-key": "CG-abc"}, 200, None),
        ("pro", {"x-cg-demo-api-key": "CG-abc"}, 401, 10011),
        ("pro", {}, 401, 10002),
    ],
)
def test_the_key_must_belong_to_the_host(gecko, control, plan, headers, status, code):
    control("rates", {"plan": plan})

    answer = gecko("/ping", headers)

    assert answer.status_code == status
    assert answer.json().get("status", {}).get("error_code") == code


def test_keyless_calls_can_be_refused_on_the_demo_host(gecko, control):
    control("rates", {"require_key": True})

    assert gecko("/ping").status_code == 401


@pytest.mark.parametrize(
    ("fault", "status", "error_code", "retry_after"),
    [
        ({"kind": "rate_limit"}, 429, 429, None),
        ({"kind": "rate_limit", "retry_after": 60}, 429, 429, "60"),
        ({"kind": "rate_limit", "status": 200}, 200, 429, None),
        ({"kind": "unauthorized", "code": 10010}, 401, 10010, None),
        ({"kind": "error", "status": 503}, 503, 503, None),
    ],
)
def test_every_odd_answer_can_be_switched_on(gecko, control, fault, status, error_code, retry_after):
    control("faults", {"vendor": "coingecko", "remaining": 1, **fault})

    answer = gecko("/simple/price", ids="tether", vs_currencies="usd")

    assert (answer.status_code, answer.json()["status"]["error_code"]) == (status, error_code)
    assert answer.headers.get("Retry-After") == retry_after
    assert gecko("/simple/price", ids="tether", vs_currencies="usd").status_code == 200


def test_it_can_answer_with_html_or_late_or_not_at_all(gecko, control, http):
    control("faults", {"vendor": "coingecko", "kind": "forbidden", "remaining": 1})
    blocked = gecko("/ping")
    assert (blocked.status_code, blocked.headers["Content-Type"].split(";")[0]) == (403, "text/html")

    control("faults", {"vendor": "coingecko", "kind": "slow", "seconds": 0.3, "remaining": 1})
    started = time.monotonic()
    assert gecko("/ping").status_code == 200
    assert time.monotonic() - started >= 0.3

    control("faults", {"vendor": "coingecko", "kind": "drop", "remaining": 1})
    with pytest.raises(Exception, match="disconnected"):
        gecko("/ping")


@pytest.mark.parametrize(
    "switches",
    [
        {"prices": {"tether": {"usd": "0"}}},
        {"prices": {"tether": {"usd": "NaN"}}},
        {"prices": {"tether": {"zzz": "1"}}},
        {"prices": {"doge": {"usd": "1"}}},
        {"prices": "1"},
        {"depeg": {"tether": "-1"}},
        {"missing_coins": ["doge"]},
        {"plan": "free"},
        {"seed": "x"},
        {"weather": "fine"},
    ],
)
def test_a_switch_that_makes_no_sense_is_refused(control, switches):
    before = control("rates")["switches"]

    assert control("rates", switches, status=422)["error"]
    assert control("rates")["switches"] == before
