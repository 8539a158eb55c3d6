"""Real processes die at every step of a card payment; nothing is lost, nothing happens twice."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

import provvypay.flows.stripe_webhook  # noqa: F401 - importing the flows is what names their fail-points
from provvypay.domain.statuses import LinkStatus
from provvypay.flows.stripe_payment import start_checkout
from provvypay.kit import failpoints
from provvypay.models.payment_link import PaymentLink
from provvypay.services.check_books.run import check_all
from tests.support.factories import Make
from tests.support.live import LiveApp

IN_WEB = {"webhook.verified", "webhook.stored", "checkout.prepared", "checkout.created"}
# Of a card payment alone: what else was imported by now names steps of its own.
STEPS = sorted(name for name in failpoints.KNOWN if name.startswith(("checkout.", "confirm.", "settle.", "webhook.")))


@pytest.fixture
def make(live_app: LiveApp) -> Iterator[Make]:
    with live_app.inside():
        yield Make()
    breaches = [str(breach) for breach in check_all(live_app.settings.database_owner_url)]
    assert not breaches, "\n".join(breaches)


def hurry(live_app: LiveApp) -> None:
    """End the leases of those who died, as a minute of waiting would."""
    live_app.observer.sql(
        "UPDATE inbox SET lease_until = NULL, next_attempt_at = clock_timestamp() WHERE state = 'NEW'"
    )
    live_app.observer.sql("UPDATE checkout_sessions SET next_check_at = clock_timestamp() WHERE state <> 'EXPIRED'")


def paid_once(live_app: LiveApp, make: Make, link: PaymentLink, *, seconds: float = 25) -> None:
    """Wait for PAID and the fee, then see that each fact stands once."""
    live_app.wait_for(lambda: make.reload(link).status == LinkStatus.PAID, "the link to be paid", seconds=seconds)
    count = live_app.observer.count
    live_app.wait_for(lambda: count("balance_transactions", link.organization_id) == 1, "the fee", seconds=seconds)
    assert [
        count(table, link.organization_id) for table in ("payments", "settlements", "journals", "payment_exceptions")
    ] == [1, 1, 3, 0]


def click_card(live_app: LiveApp, link: PaymentLink) -> httpx.Response:
    """Press "Card" on the pay page as a browser would."""
    page = httpx.get(f"{live_app.url}/p/{link.short_code}", trust_env=False)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert token, page.text
    cookie = page.headers["set-cookie"].split(";")[0]
    return httpx.post(
        f"{live_app.url}/p/{link.short_code}/card",
        data={"csrf_token": token[1]},
        headers={"Cookie": cookie},
        trust_env=False,
        timeout=20,
    )


@pytest.mark.parametrize("step", STEPS)
def test_kill_9_at_every_step_loses_nothing_and_doubles_nothing(live_app: LiveApp, make: Make, step: str) -> None:
    link = make.link()
    process = "web" if step in IN_WEB else "worker"
    live_app.restart(process, failpoints=f"{step}=kill")

    if step.startswith("checkout."):
        with pytest.raises(httpx.RemoteProtocolError):
            click_card(live_app, link)
    else:
        live_app.sandbox.pay(start_checkout(link.short_code))
        if process == "worker":
            live_app.wait_for(lambda: not live_app.is_running("worker"), f"the worker to die at {step}", seconds=30)
        else:
            live_app.wait_for(
                lambda: "SIGKILL" in live_app.log("web").read_text(errors="replace"), "gunicorn to notice"
            )
    live_app.heal()

    if step.startswith("checkout."):
        answer = click_card(live_app, link)
        assert answer.status_code == 303
        live_app.sandbox.pay(answer.headers["location"])
        made = [
            s
            for s in live_app.sandbox.get("/stripe/sessions")["sessions"]
            if s["client_reference_id"] == link.short_code
        ]
        assert len(made) == 1
    hurry(live_app)
    paid_once(live_app, make, link)


def test_a_web_server_that_was_away_gets_the_webhook_again(live_app: LiveApp, make: Make) -> None:
    link = make.link()
    url = start_checkout(link.short_code)
    live_app.kill("web")
    live_app.sandbox.pay(url)
    live_app.start("web")

    hurry(live_app)
    paid_once(live_app, make, link)


def test_with_valkey_stopped_payments_still_settle(live_app: LiveApp, make: Make) -> None:
    link = make.link()
    live_app.valkey.stop()
    live_app.sandbox.pay(start_checkout(link.short_code))

    paid_once(live_app, make, link)


def test_a_flushed_valkey_delays_and_loses_nothing(live_app: LiveApp, make: Make) -> None:
    from provvypay.kit import cache

    live_app.stop("worker")
    links = [make.link(merchant=make.organization()) for _ in range(3)]
    for link in links:
        live_app.sandbox.pay(start_checkout(link.short_code))
    live_app.sandbox.drain(fees=False)
    cache.connection().flushall()
    live_app.start("worker")

    for link in links:
        paid_once(live_app, make, link)


def test_cut_database_connections_delay_and_lose_nothing(live_app: LiveApp, make: Make) -> None:
    links = [make.link(merchant=make.organization()) for _ in range(6)]
    for link in links:
        live_app.sandbox.pay(start_checkout(link.short_code))
        live_app.observer.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename IN"
            " ('provvypay_web', 'provvypay_worker') AND application_name LIKE 'provvypay-%' AND random() < 0.6"
        )
    live_app.heal()
    hurry(live_app)

    for link in links:
        paid_once(live_app, make, link)
