"""The rates behind real processes: fetched by clock and worker, read by two web processes, counted in one figure."""

from __future__ import annotations

import time

import httpx
import pytest
import redis
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from prometheus_client.parser import text_string_to_metric_families

from provvypay.flows.current_rates import current_rates
from provvypay.web.guards import TOKEN
from tests.support.database import together
from tests.support.factories import Make
from tests.support.live import LiveApp

VISITORS, EACH = 6, 40
SECONDS = 4.0


@pytest.fixture
def cookie(live_app: LiveApp) -> str:
    """Return the cookie of a member who has signed in."""
    signing = Flask("visitor")
    signing.secret_key = live_app.settings.secret_key
    serializer = SecureCookieSessionInterface().get_signing_serializer(signing)
    with live_app.inside():
        live_app.wait_for(lambda: len(current_rates()), "the first rates", seconds=30)
        make = Make()
        token = make.session_token(make.merchant.owner, make.merchant)
    return f"__Host-provvypay={serializer.dumps({TOKEN: token})}"


def reads(live_app: LiveApp) -> dict[str, float]:
    """Return hits and misses as whichever web process answers tells them."""
    answer = httpx.get(f"{live_app.url}/metrics", trust_env=False, timeout=10)
    assert answer.status_code == 200
    return {
        sample.labels["kind"]: sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == "provvypay_rates_cache_total"
    }


def test_pages_of_two_processes_hit_the_cache_more_than_nine_times_in_ten(live_app: LiveApp, cookie: str):
    before = reads(live_app)

    def visit(number: int) -> int:
        """Read the page again and again, as a person with a habit; once, Redis forgets everything meanwhile."""
        with httpx.Client(trust_env=False, timeout=10, headers={"Cookie": cookie}) as client:
            for turn in range(EACH):
                assert client.get(f"{live_app.url}/settings/rates").status_code == 200
                if (number, turn) == (0, EACH // 2):
                    redis.Redis.from_url(live_app.valkey.url).delete("fx:table:2")
                time.sleep(SECONDS / EACH)
        return EACH

    # a page that nobody answered shows itself as an exception in its visitor's place
    assert together(VISITORS, visit) == [EACH] * VISITORS

    def told() -> dict[str, float]:
        after = reads(live_app)
        return {kind: after.get(kind, 0) - before.get(kind, 0) for kind in ("hit", "miss")}

    # each process hands its counts over when it counts again
    live_app.wait_for(
        lambda: (
            httpx.get(f"{live_app.url}/settings/rates", headers={"Cookie": cookie}, trust_env=False)
            and sum(told().values()) >= VISITORS * EACH
        ),
        "every read to be counted",
    )
    found = told()
    assert found["hit"] / (found["hit"] + found["miss"]) > 0.9, found
    assert found["miss"] >= 1, found
