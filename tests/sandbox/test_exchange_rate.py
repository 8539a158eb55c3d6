"""The mirror node's stand-in: the network's exchange rate, and everything that can go wrong with it."""

import time
from decimal import Decimal

import httpx
import pytest

HOUR = 3600


@pytest.fixture
def ask(sandbox, http):
    def get(path="/network/exchangerate", **params):
        return http.get(f"{sandbox.url}/mirror_node/api/v1{path}", params=params)

    return get


def dollars(rate) -> Decimal:
    return Decimal(rate["cent_equivalent"]) / rate["hbar_equivalent"] / 100


def test_the_rate_follows_the_market_and_lasts_for_the_hour(ask, control):
    control("rates", {"prices": {"hedera-hashgraph": {"usd": "0.25"}}})

    answer = ask()

    now, body = time.time(), answer.json()
    assert dollars(body["current_rate"]) == dollars(body["next_rate"]) == Decimal("0.25")
    assert now < body["current_rate"]["expiration_time"] <= now + HOUR
    assert body["next_rate"]["expiration_time"] - body["current_rate"]["expiration_time"] == HOUR
    assert now - HOUR <= float(body["timestamp"]) <= now
    assert answer.headers["cache-control"] == "public, max-age=60"


def test_a_person_parts_the_sources(ask, control):
    shown = control("mirror_node/exchange-rate", {"usd_per_hbar": "0.0713", "next_usd_per_hbar": "0.08"})

    body = ask().json()
    assert body["current_rate"]["cent_equivalent"] == 213_900
    assert dollars(body["next_rate"]) == Decimal("0.08")
    assert (shown["usd_per_hbar"], shown["answer"]) == ("0.0713", body)

    control("mirror_node/exchange-rate", method="DELETE")
    assert dollars(ask().json()["current_rate"]) > Decimal("0.17")


@pytest.mark.parametrize(("which", "current", "following"), [("current", False, True), ("both", False, False)])
def test_rates_expire(which, current, following, ask, control):
    control("mirror_node/exchange-rate", {"expired": which})

    body = ask().json()

    assert (body["current_rate"]["expiration_time"] > time.time()) is current
    assert (body["next_rate"]["expiration_time"] > time.time()) is following


def test_a_network_without_a_rate_answers_404_in_the_vendors_shape(ask, control):
    control("mirror_node/exchange-rate", {"missing": True})

    answer = ask()

    assert answer.status_code == 404
    assert answer.json()["_status"]["messages"][0]["message"] == "Not Found"
    assert ask("/no/such/thing").status_code == 404


@pytest.mark.parametrize("params", [{"timestamp": "1586567700"}, {"limit": "1"}])
def test_what_is_not_acted_out_is_refused_and_not_ignored(params, ask):
    answer = ask(**params)

    assert answer.status_code == 400
    assert answer.json()["_status"]["messages"][0]["message"]


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ({"kind": "error", "status": 503}, 503, "application/json"),
        ({"kind": "error", "status": 502}, 502, "text/html"),
        ({"kind": "error", "status": 500, "html": True}, 500, "text/html"),
        ({"kind": "rate_limit", "retry_after": 7}, 429, "text/html"),
    ],
)
def test_faults_look_as_they_do_from_outside(fault, status, kind, ask, control):
    control("faults", {"vendor": "mirror_node", "remaining": 1, "pattern": "/api/v1/network/*", **fault})

    answer = ask()

    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (status, kind)
    assert answer.headers.get("retry-after") == ("7" if status == 429 else None)
    assert ask().status_code == 200


def test_a_cut_line_and_a_slow_one(ask, control):
    control("faults", {"vendor": "mirror_node", "kind": "drop", "remaining": 1})
    with pytest.raises(httpx.TransportError):
        ask()
    control("faults", {"vendor": "mirror_node", "kind": "slow", "seconds": 0.3, "remaining": 1})
    started = time.monotonic()

    assert ask().status_code == 200
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize(
    "wrong",
    [
        {"usd_per_hbar": "0"},
        {"usd_per_hbar": "700"},
        {"usd_per_hbar": "NaN"},
        {"expired": "never"},
        {"missing": 1},
        {"x": 1},
    ],
)
def test_a_wish_that_cannot_be_granted_changes_nothing(wrong, control):
    before = control("mirror_node/exchange-rate")["switches"]

    assert "error" in control("mirror_node/exchange-rate", {"expired": "both", **wrong}, status=422)
    assert control("mirror_node/exchange-rate")["switches"] == before


def test_the_console_moves_the_rate_too(sandbox, http, control):
    def press(name, **form):
        answer = http.post(f"{sandbox.url}/console/rates/{name}", data=form)
        assert answer.status_code == 303, answer.text

    press("network", price="0.07")
    press("network-expired", expired="current")
    press("network-missing", switch="on")

    switches = control("mirror_node/exchange-rate")["switches"]
    assert (switches["usd_per_hbar"], switches["expired"], switches["missing"]) == ("0.07", "current", True)
    assert "The network has no rate" in http.get(sandbox.url).text
    press("network-missing", switch="off")
    press("network", price="")
    assert "following the market" in http.get(sandbox.url).text


def test_switches_outlive_a_restart(tmp_path, http):
    from provvypay.sandbox.server import running

    state = tmp_path / "sandbox.json"
    for expected in (None, "0.05"):
        with running(state_file=state) as place:
            found = http.get(f"{place.url}/_control/mirror_node/exchange-rate").json()["switches"]["usd_per_hbar"]
            assert found == expected
            http.post(f"{place.url}/_control/mirror_node/exchange-rate", json={"usd_per_hbar": "0.05"})
