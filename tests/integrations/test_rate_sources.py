"""Both sources of rates over real HTTP: the sandbox where it can act a thing out, raw answers where no vendor would."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from provvypay.integrations import coingecko, hedera_rate
from provvypay.integrations.coingecko import CoinGeckoMisunderstood, CoinGeckoRefused, CoinGeckoUnavailable
from provvypay.integrations.mirror_transport import (
    MirrorNodeMisunderstood,
    MirrorNodeRefused,
    MirrorNodeUnavailable,
    Transport,
)
from provvypay.kit.clock import now
from provvypay.kit.http import HttpClient

HOUR = dt.timedelta(hours=1)


@dataclass
class Raw:
    """A server that answers every question alike."""

    url: str = ""
    status: int = 200
    body: str = "{}"
    asked: int = 0
    retry_after: str | None = None


@pytest.fixture
def raw() -> Iterator[Raw]:
    place = Raw()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place.asked += 1
            body = place.body.encode()
            self.send_response(place.status)
            if place.retry_after is not None:
                self.send_header("Retry-After", place.retry_after)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    place.url = f"http://127.0.0.1:{server.server_port}"
    yield place
    server.shutdown()
    server.server_close()


@pytest.fixture
def gecko(raw):
    return coingecko.Client(HttpClient(raw.url, retries=0))


@pytest.fixture
def mirror(raw):
    return hedera_rate.Client(Transport(HttpClient(raw.url, retries=0)))


# ---------------------------------------------------------------- CoinGecko


@pytest.fixture
def played(sandbox):
    """CoinGecko as the sandbox plays it, with little patience."""
    return coingecko.Client(
        HttpClient(
            f"{sandbox.url}/coingecko/api/v3", {"x-cg-demo-api-key": "CG-of-the-tests"}, retries=0, answer_seconds=0.3
        )
    )


def test_every_digit_arrives(played, sandbox):
    sandbox.post("/rates", prices={"hedera-hashgraph": {"usd": "0.184372123456789012", "jpy": "27"}})

    found = {rate.currency: rate for rate in played.rates(["USD", "JPY"]) if rate.asset == "HBAR"}

    assert found["USD"].value == Decimal("0.184372123456789012")
    assert found["JPY"].value == 27
    assert all(rate.source == "COINGECKO" and rate.as_of <= rate.fetched_at <= now() for rate in found.values())


def test_case_68_audd_in_usd_is_a_rate_and_not_one_to_one(played):
    (found,) = [rate.value for rate in played.rates(["USD"]) if rate.asset == "AUDD"]

    assert Decimal("0.5") < found < Decimal("0.8")


@pytest.mark.parametrize(
    ("switch", "missing"),
    [
        ({"missing_coins": ["tether"]}, {("USDT", "USD"), ("USDT", "AUD")}),
        ({"missing_currencies": ["aud"]}, {("HBAR", "AUD"), ("USDC", "AUD"), ("USDT", "AUD"), ("AUDD", "AUD")}),
        ({"null_coins": ["usd-coin"]}, {("USDC", "USD"), ("USDC", "AUD")}),
    ],
    ids=lambda one: next(iter(one)) if isinstance(one, dict) else "",
)
def test_what_coingecko_leaves_out_is_missing_and_the_rest_is_there(switch, missing, played, sandbox):
    sandbox.post("/rates", **switch)

    found = {(rate.asset, rate.currency) for rate in played.rates(["USD", "AUD"])}

    assert {(a, c) for a in ("HBAR", "USDC", "USDT", "AUDD") for c in ("USD", "AUD")} - found == missing


def test_frozen_prices_say_how_old_they_are(played, sandbox):
    sandbox.post("/clock", offset_seconds=-7200)
    sandbox.post("/rates", frozen=True)
    sandbox.post("/clock", offset_seconds=0)

    assert all(rate.fetched_at - rate.as_of > 1.9 * HOUR for rate in played.rates(["USD"]))


def test_a_clock_that_runs_ahead_tells_no_future(played, sandbox):
    sandbox.post("/clock", offset_seconds=7200)

    assert all(rate.as_of == rate.fetched_at for rate in played.rates(["USD"]))


@pytest.mark.parametrize(
    ("fault", "error", "retry_after"),
    [
        ({"kind": "rate_limit", "retry_after": 90}, CoinGeckoUnavailable, 90),
        ({"kind": "rate_limit"}, CoinGeckoUnavailable, 0),
        ({"kind": "rate_limit", "status": 200}, CoinGeckoUnavailable, 0),
        ({"kind": "unauthorized", "code": 10002}, CoinGeckoRefused, None),
        ({"kind": "unauthorized", "code": 10005}, CoinGeckoRefused, None),
        ({"kind": "unauthorized", "code": 10010}, CoinGeckoRefused, None),
        ({"kind": "unauthorized", "code": 10011}, CoinGeckoRefused, None),
        ({"kind": "forbidden"}, CoinGeckoUnavailable, None),
        ({"kind": "error", "status": 500}, CoinGeckoUnavailable, None),
        ({"kind": "error", "status": 503}, CoinGeckoUnavailable, None),
        ({"kind": "error", "status": 408}, CoinGeckoUnavailable, None),
        ({"kind": "error", "status": 404}, CoinGeckoRefused, None),
        ({"kind": "drop"}, CoinGeckoUnavailable, None),
        ({"kind": "slow", "seconds": 0.8}, CoinGeckoUnavailable, None),
    ],
    ids=lambda one: " ".join(map(str, one.values())) if isinstance(one, dict) else "",
)
def test_each_failure_says_whether_a_later_call_may_succeed(fault, error, retry_after, played, sandbox):
    sandbox.fault(vendor="coingecko", **fault)

    with pytest.raises(error) as caught:
        played.rates(["USD"])

    assert getattr(caught.value, "retry_after", None) == retry_after


@pytest.mark.parametrize(
    ("plan", "header"), [("pro", "x-cg-demo-api-key"), ("demo", "x-cg-pro-api-key"), ("pro", "x-none")]
)
def test_a_key_at_the_wrong_host_is_refused(plan, header, sandbox):
    sandbox.post("/rates", plan=plan)
    wrong = coingecko.Client(HttpClient(f"{sandbox.url}/coingecko/api/v3", {header: "CG-of-the-tests"}))

    with pytest.raises(CoinGeckoRefused, match=r"100(02|10|11)"):
        wrong.rates(["USD"])


def test_two_more_tries_are_made_and_no_more(raw):
    raw.status = 503

    with pytest.raises(CoinGeckoUnavailable):
        coingecko.Client(HttpClient(raw.url)).rates(["USD"])

    assert raw.asked == 3


def test_a_rate_limit_is_not_tried_again(raw):
    raw.status, raw.retry_after = 429, "Wed, 21 Oct 2026 07:28:00 GMT"

    with pytest.raises(CoinGeckoUnavailable) as caught:
        coingecko.Client(HttpClient(raw.url)).rates(["USD"])

    assert (raw.asked, caught.value.retry_after) == (1, 0)


@pytest.mark.parametrize(
    "price",
    ["0", "-0.18", "1e400", "1e-400", "1e15", "NaN", "Infinity", "-Infinity", '"0.18"', "true", "null", "[]", "{}"],
)
def test_f_50_an_absurd_price_is_no_price(price, raw, gecko):
    raw.body = (
        f'{{"hedera-hashgraph": {{"usd": {price}, "aud": 0.28, "last_updated_at": 1795338012}},'
        f' "tether": {{"usd": 1, "last_updated_at": 1795338012}}}}'
    )

    assert [(rate.asset, rate.currency) for rate in gecko.rates(["USD", "AUD"])] == [("HBAR", "AUD"), ("USDT", "USD")]


@pytest.mark.parametrize("moment", ["null", '"1795338012"', "0", "-1", "1795338012000", "1e300", "NaN"])
def test_a_price_without_a_sensible_time_is_no_price(moment, raw, gecko):
    raw.body = f'{{"tether": {{"usd": 1, "last_updated_at": {moment}}}}}'

    assert gecko.rates(["USD"]) == ()


@pytest.mark.parametrize("body", ["", "<html>", "[]", "0", '"x"', "null", '{"tether": '])
def test_what_is_no_json_object_is_misunderstood(body, raw, gecko):
    raw.body = body

    with pytest.raises(CoinGeckoMisunderstood):
        gecko.rates(["USD"])


@pytest.mark.parametrize(
    "body",
    [
        '{"status": {"error_code": 429, "error_message": "wait"}}',
        '{"error": {"status": {"error_code": 429, "error_message": "wait"}}}',
        '{"status": {"error_code": 10002}}',
        '{"status": {"error_code": [429]}}',
        '{"error": "coin not found"}',
        '{"error": {"status": 4}}',
    ],
)
def test_an_error_with_status_200_is_an_error(body, raw, gecko):
    raw.body = body

    with pytest.raises(CoinGeckoUnavailable if "429, " in body else CoinGeckoRefused):
        gecko.rates(["USD"])


def test_the_key_never_stands_in_the_address(raw, settings):
    import dataclasses

    chosen = dataclasses.replace(settings, coingecko_api_key="CG-secret", coingecko_plan="pro")
    client = coingecko._client(chosen)

    assert client.http.headers == {"x-cg-pro-api-key": "CG-secret"}
    assert "secret" not in client.http.base_url


# ---------------------------------------------------------------- the mirror node


@pytest.fixture
def node(sandbox):
    """The mirror node as the sandbox plays it, with little patience."""
    return hedera_rate.Client(Transport(HttpClient(f"{sandbox.url}/mirror_node", retries=0, answer_seconds=0.3)))


def test_the_rate_in_force_is_cents_by_hbar_by_100(node, sandbox):
    sandbox.post("/mirror_node/exchange-rate", usd_per_hbar="0.0713")

    found = node.exchange_rate()

    assert found.usd_per_hbar == Decimal("0.0713")
    assert found.as_of <= now() < found.expires_at <= found.as_of + HOUR
    (rate,) = node.rates(["AUD", "USD"])
    assert (rate.asset, rate.currency, rate.value, rate.source) == ("HBAR", "USD", Decimal("0.0713"), "MIRROR_NODE")
    assert node.rates(["AUD"]) == ()


def test_the_next_rate_takes_over_when_the_current_one_has_expired(node, sandbox):
    sandbox.post("/mirror_node/exchange-rate", usd_per_hbar="0.07", next_usd_per_hbar="0.08", expired="current")

    found = node.exchange_rate()

    assert found.usd_per_hbar == Decimal("0.08")
    assert found.as_of == found.expires_at - HOUR


def test_expired_rates_are_no_rates(node, sandbox):
    sandbox.post("/mirror_node/exchange-rate", expired="both")

    with pytest.raises(MirrorNodeUnavailable, match="expired"):
        node.exchange_rate()


@pytest.mark.parametrize(
    ("fault", "retry_after"),
    [
        ({"kind": "error", "status": 503}, None),
        ({"kind": "error", "status": 502}, None),
        ({"kind": "error", "status": 500, "html": True}, None),
        ({"kind": "error", "status": 404}, None),
        ({"kind": "rate_limit", "retry_after": 7}, 7),
        ({"kind": "drop"}, None),
        ({"kind": "slow", "seconds": 0.8}, None),
    ],
    ids=lambda one: " ".join(map(str, one.values())) if isinstance(one, dict) else "",
)
def test_a_mirror_node_that_fails_is_unavailable(fault, retry_after, node, sandbox):
    sandbox.fault(vendor="mirror_node", **fault)

    with pytest.raises(MirrorNodeUnavailable) as caught:
        node.exchange_rate()

    assert caught.value.retry_after == retry_after


def test_a_network_without_a_rate_is_unavailable(node, sandbox):
    sandbox.post("/mirror_node/exchange-rate", missing=True)

    with pytest.raises(MirrorNodeUnavailable, match="404"):
        node.exchange_rate()


def body_of(**changed: object) -> str:
    import json

    rate = {"cent_equivalent": 213900, "hbar_equivalent": 30000, "expiration_time": 4_000_000_000}
    whole = {"current_rate": {**rate}, "next_rate": {**rate}, "timestamp": "1586567700.453054000"}
    for name, value in changed.items():
        part, _, field = name.partition("__")
        if field:
            whole[part][field] = value  # type: ignore[index]
        else:
            whole[part] = value  # type: ignore[assignment]
    return json.dumps(whole)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>",
        "[]",
        "{}",
        body_of(current_rate=None),
        body_of(current_rate__cent_equivalent=0),
        body_of(current_rate__hbar_equivalent=0),
        body_of(current_rate__cent_equivalent=-1),
        body_of(current_rate__cent_equivalent="213900"),
        body_of(current_rate__expiration_time=True),
        body_of(current_rate__expiration_time=10**30),
        body_of(next_rate__hbar_equivalent=None),
        body_of(timestamp=None),
        body_of(timestamp="yesterday"),
        body_of(timestamp="1586567700.x"),
        body_of(timestamp="99999999999"),
    ],
)
def test_another_shape_is_misunderstood(body, raw, mirror):
    raw.body = body

    with pytest.raises(MirrorNodeMisunderstood):
        mirror.exchange_rate()


def test_a_wrong_question_is_refused(raw, mirror):
    raw.status, raw.body = 400, '{"_status": {"messages": [{"message": "Invalid parameter: x"}]}}'

    with pytest.raises(MirrorNodeRefused, match="Invalid parameter"):
        mirror.exchange_rate()


def test_a_timestamp_without_fractions_is_one_too(raw, mirror):
    raw.body = body_of(timestamp="1586567700")

    assert mirror.exchange_rate().as_of == dt.datetime(2020, 4, 11, 1, 15, tzinfo=dt.UTC)
