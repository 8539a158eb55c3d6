"""A merchant with rates, and open links by the thousand, numbered so that a pgbench script can name them."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field
from decimal import Decimal

import psycopg

from benchmarks.stage import Stage
from provvypay.domain.assets import ASSETS
from provvypay.domain.rates import Rate, RateTable
from provvypay.flows.current_rates import keep_in_cache
from provvypay.flows.sign_up import sign_up
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.services import organizations, sign_in
from provvypay.services.audit import Actor

CURRENCY = "AUD"
AMOUNT_MINOR = 120_50
DESCRIPTION = "Oak bench, 1.8 m: deposit"
FIRST_NUMBER = 100_000_000_001
"""Twelve digits, so that a number is the last group of a link's id."""
LINK_PREFIX = "00000000-0000-7000-8000-"

# What creation leaves behind, in bulk: without triggers, with all the rows they would have made.
_LINKS = """
    WITH numbers AS (SELECT n, (%(prefix)s || n)::uuid AS id FROM generate_series(%(first)s::bigint, %(last)s) n),
    links AS (
        INSERT INTO payment_links (id, organization_id, short_code, status, status_seq, amount_minor, currency,
            description, reference, expires_at, opened_at, version)
        SELECT id, %(org)s, translate(right(n::text, 8), '01', 'BC'), 'OPEN', 1, %(amount)s, %(currency)s,
            %(description)s, 'INV-' || n, now() + interval '7 days', now(), 2 FROM numbers
    ), steps AS (
        INSERT INTO link_status_events (link_id, seq, organization_id, from_status, to_status, event, actor_type,
            effective_at)
        SELECT id, 1, %(org)s, 'NEW', 'OPEN', 'link.opened', 'SYSTEM', now() FROM numbers
    )
    INSERT INTO fx_snapshots (id, organization_id, link_id, kind, asset, currency, state, rate, source, as_of,
        fetched_at)
    SELECT uuidv7(), %(org)s, id, 'CREATION', a, %(currency)s, 'OK', 1.5, 'COINGECKO', now(), now()
    FROM numbers CROSS JOIN unnest(%(assets)s::text[]) a
"""


@dataclass(slots=True)
class Merchant:
    """Whose links are made and paid."""

    stage: Stage
    organization_id: uuid.UUID
    user_id: uuid.UUID
    rates: RateTable
    _next: int = field(default=FIRST_NUMBER)

    def open_links(self, count: int) -> int:
        """Make open links and return the first one's number; the others follow it."""
        first = self._next
        self._next += count
        with psycopg.connect(self.stage.superuser_url) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(
                _LINKS,
                {
                    "prefix": LINK_PREFIX,
                    "first": first,
                    "last": first + count - 1,
                    "org": self.organization_id,
                    "amount": AMOUNT_MINOR,
                    "currency": CURRENCY,
                    "description": DESCRIPTION,
                    "assets": list(ASSETS),
                },
            )
        return first

    def take_numbers(self, count: int) -> int:
        """Return the first of some numbers for links that are yet to be made."""
        first = self._next
        self._next += count
        return first

    def analyze(self) -> None:
        """Let PostgreSQL learn what the tables hold, so that plans are not those of empty ones."""
        with psycopg.connect(self.stage.superuser_url, autocommit=True) as connection:
            connection.execute("ANALYZE")


def link_id(number: int) -> uuid.UUID:
    """Return the id of a numbered link."""
    return uuid.UUID(f"{LINK_PREFIX}{number}")


def short_code(number: int) -> str:
    """Return the code of a numbered link; the alphabet has no 0 and 1."""
    return str(number)[-8:].translate(str.maketrans("01", "BC"))


def fresh_rates() -> RateTable:
    """Return a rate for each token, as if just fetched."""
    moment = now()
    return RateTable(Rate(asset, CURRENCY, Decimal("1.5372"), "COINGECKO", moment, moment) for asset in ASSETS)


def sign_up_merchant(stage: Stage) -> Merchant:
    """Sign a merchant up through the product's own flow; this process works as the web does."""
    email = "mara@harbourpine.example"
    sign_up(
        name="Mara Lindqvist",
        email=email,
        password="walnut-harbour-lantern",
        organization="Harbour & Pine Joinery",
        currency=CURRENCY,
        time_zone="Australia/Sydney",
        user_agent="benchmarks",
        actor=Actor("ANONYMOUS"),
    )
    with transaction() as session:
        user = sign_in.find_user(session, email)
        assert user is not None
        membership = organizations.memberships_of(session, user.id)[0]
    rates = fresh_rates()
    keep_in_cache(rates)
    with psycopg.connect(stage.superuser_url) as connection:
        connection.cursor().executemany(
            "INSERT INTO fx_rates (asset, currency, rate, source, as_of, fetched_at) VALUES (%s, %s, %s, %s, %s, %s)",
            [(r.asset, r.currency, r.value, r.source, r.as_of, r.fetched_at) for r in rates],
        )
    return Merchant(stage, membership.organization_id, user.id, rates)


def a_minute_ago() -> dt.datetime:
    """Return when the money of a payment moved: before the link's expiry, after its opening does not matter."""
    return now() - dt.timedelta(minutes=1)


def in_a_week() -> dt.datetime:
    """Return when a new link expires."""
    return now() + dt.timedelta(days=7)
