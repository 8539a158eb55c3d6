"""Everything there is to see: links in every state, pay pages in every face, for whoever has to look at all of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from provvypay.domain.statuses import ExceptionKind, LinkStatus
from provvypay.flows import quote, transfer_claims
from provvypay.flows.stripe_payment import start_checkout
from provvypay.models.payment_link import PaymentLink
from tests.journeys import tokens
from tests.journeys.steps import DECLINED_CARD
from tests.support.corrections import asked_for, marked
from tests.support.factories import Make
from tests.support.hedera import unguarded
from tests.support.live import LiveApp
from tests.support.tokens import arrives

LONG = "Dining table of river red gum, seats ten, with two benches: balance"


def faces(make: Make, live: LiveApp) -> dict[str, str]:
    """Return a pay page in every face and mood: its name and its path."""
    chosen, declined, asked = make.link(description=LONG, reference="INV-2026-000123"), make.link(), make.link()
    live.sandbox.pay(start_checkout(declined.short_code), DECLINED_CARD)
    live.sandbox.drain()
    known = "SELECT 1 FROM checkout_sessions WHERE decline_code <> '' AND link_id = :id"
    live.wait_for(lambda: live.observer.sql(known, id=declined.id), "the decline")
    start_checkout(asked.short_code)
    paid = make.link(status=LinkStatus.PAID, description=LONG)
    off = make.link(merchant=make.organization(name="Kettle & Crane"))
    switch_off = "UPDATE merchant_settings SET card_enabled = false WHERE organization_id = :id"
    live.observer.sql(switch_off, id=off.organization_id)
    return token_faces(make, live) | {
        "CHOOSE": f"/p/{chosen.short_code}",
        "came back": f"/p/{chosen.short_code}?card=canceled",
        "declined": f"/p/{declined.short_code}",
        "PROCESSING": f"/p/{asked.short_code}?returned=1",
        "PAID": f"/p/{paid.short_code}",
        "receipt alone": f"/p/{paid.short_code}/receipt",
        "EXPIRED": f"/p/{make.link(status=LinkStatus.EXPIRED).short_code}",
        "CANCELED": f"/p/{make.link(status=LinkStatus.CANCELED).short_code}",
        "UNAVAILABLE": f"/p/{off.short_code}",
        "unknown": "/p/ZZZZ2222",
    }


def token_faces(make: Make, live: LiveApp) -> dict[str, str]:
    """Return the pages of somebody who pays with a token: before, while and after."""
    merchant = make.organization(name="Kettle & Crane")
    tokens.ledger_of(merchant, live)
    choice, sends, ended, short, claims, paid, wrong = (
        tokens.token_link(make, merchant, description=LONG) for _ in range(7)
    )
    for link in (sends, ended, short, claims, paid, wrong):
        quote.choose(link.short_code, "USDC")
    unguarded(
        live.observer,
        "UPDATE payment_attempts SET created_at = created_at - interval '1 hour',"
        " expires_at = expires_at - interval '1 hour' WHERE link_id = :id",
        id=ended.id,
    )
    units = live.observer.sql("SELECT asset_amount FROM payment_attempts WHERE link_id = :id", id=paid.id)[0][0]
    arrives(live.observer, short, "USDC", units // 3)
    arrives(live.observer, paid, "USDC", units)
    arrives(live.observer, wrong, "HBAR", units)
    transfer_claims.submit(claims.short_code, "0.0.2001@1795512345.1")
    return {
        "token choice": f"/p/{choice.short_code}",
        "SEND": f"/p/{sends.short_code}?pay=USDC",
        "price ended": f"/p/{ended.short_code}?pay=USDC",
        "part received": f"/p/{short.short_code}?pay=USDC",
        "part received, choice": f"/p/{short.short_code}",
        "reported": f"/p/{claims.short_code}?pay=USDC",
        "paid in tokens": f"/p/{paid.short_code}",
        "wrong token": f"/p/{wrong.short_code}?pay=USDC",
    }


@dataclass(frozen=True)
class Shop:
    """A merchant with something of everything."""

    links: dict[str, PaymentLink]
    """one in each status; `paid twice` has an exception"""

    def path(self, status: str, rest: str = "") -> str:
        """Return the address of the link in a status."""
        return f"/links/{self.links[status].id}{rest}"


def shop(make: Make, live: LiveApp) -> Shop:
    """Fill the test's organization: links in every status, money that needs a person, a fee, notifications."""
    links = {str(status): make.link(status=status) for status in LinkStatus if status is not LinkStatus.NEW}
    by_card = make.link(description=LONG, reference="INV-2026-000123", amount_minor=1_234_567_89)
    live.sandbox.pay(start_checkout(by_card.short_code))
    live.sandbox.drain()
    count = live.observer.count
    live.wait_for(lambda: count("balance_transactions", by_card.organization_id) == 1, "the fee")
    links["by card"] = by_card
    for kind in ExceptionKind:
        links[f"exception {kind}"] = make.exception(kind)
    links["marked"], links["asked"] = make.link(), make.link()
    marked(make, links["marked"])
    asked_for(make, links["asked"])
    live.wait_for(lambda: count("notifications", by_card.organization_id) > 0, "notifications")
    return Shop(links)


def number_of(live: LiveApp, table: str, link: PaymentLink) -> str:
    """Return the id of a link's newest row in a table."""
    rows = live.observer.sql(f"SELECT id FROM {table} WHERE link_id = :id ORDER BY id DESC LIMIT 1", id=link.id)
    return str(rows[0].id)


@contextlib.contextmanager
def database_away(live: LiveApp) -> Iterator[None]:
    """Let the web server lose PostgreSQL and find no way back while the block runs."""
    limit = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT {}', current_database()); END $$"
    live.observer.sql(limit.format(0))
    try:
        live.observer.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = 'provvypay_web'"
        )
        yield
    finally:
        live.observer.sql(limit.format(-1))
        # Each process notices its lost connections by one that fails: here, and not in the next test.
        answers: list[int] = []
        live.wait_for(
            lambda: (
                answers.append(httpx.get(f"{live.url}/p/22222222", trust_env=False).status_code)
                or (len(answers) >= 20 and 503 not in answers[-20:])
            ),
            "the web server to find PostgreSQL again",
        )
