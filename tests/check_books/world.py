"""A rich and healthy database, made by driving the services: every table has rows, and no invariant is broken."""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from provvypay.domain.payments import IncomingPayment, SettleResult
from provvypay.domain.rates import Rate, RateTable
from provvypay.domain.roles import Role
from provvypay.domain.statuses import LinkStatus, SessionState
from provvypay.domain.statuses import ResolutionAction as Action
from provvypay.domain.transfers import StoredTransfer
from provvypay.kit.clock import now
from provvypay.kit.db import driver_url, enter_organization
from provvypay.kit.ids import uuid7
from provvypay.models.payment_link import PaymentLink
from provvypay.services import checkout, fees, inbox, organizations, outbox, payment_links, schedule, sign_in
from provvypay.services.audit import SYSTEM, Actor
from provvypay.services.corrections import decide, held
from provvypay.services.corrections.decide import Decision
from provvypay.services.crypto_settlement import apply_transfer, value_again
from provvypay.services.fx import rates as fx_rates
from provvypay.services.ledger import accounts, chart, journals, periods
from provvypay.services.ledger.postings import Draft, Line
from provvypay.services.link_contacts import Contact
from provvypay.services.payment_links import LinkDetails
from provvypay.services.settlement import settle
from tests.support.servers import Cluster

T0 = now()
RATES = RateTable(Rate(token, "AUD", Decimal("0.31"), "COINGECKO", T0, T0) for token in ("HBAR", "USDC", "USDT"))
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Organization:
    """A merchant of the world."""

    id: uuid.UUID
    owner: Actor
    currency: str


_ACCOUNT = """
    INSERT INTO hedera_accounts (id, organization_id, network, account_id, created_by)
    VALUES (gen_random_uuid(), :org, 'testnet', :account, :owner) ON CONFLICT DO NOTHING
"""
_TRANSFER = """
    INSERT INTO hedera_transfers (id, organization_id, hedera_account_id, network, account_id, direction,
        consensus_timestamp, transaction_id, nonce, scheduled, name, result, kind, entity_id, asset, amount, memo,
        link_id, found_by, evidence)
    SELECT :id, a.organization_id, a.id, a.network, a.account_id, 'IN', :at, :transaction, 0, false, 'CRYPTOTRANSFER',
        'SUCCESS', 'native', 'HBAR', 'HBAR', :amount, :memo, :link, 'POLL', '{}'
    FROM hedera_accounts a WHERE a.organization_id = :org
"""


_QUOTE = """
    INSERT INTO payment_attempts (id, organization_id, link_id, number, method, state, amount_minor, currency,
        idempotency_key, expires_at, asset_amount, rate, rate_source, rate_as_of, hedera_account_id, entity_id)
    SELECT gen_random_uuid(), l.organization_id, l.id, 1, 'HBAR', 'READY', l.amount_minor, l.currency,
        'quote ' || l.id, clock_timestamp() + interval '1 day', :amount, 0.31, 'COINGECKO', clock_timestamp(), a.id,
        'HBAR'
    FROM payment_links l JOIN hedera_accounts a USING (organization_id) WHERE l.id = :link
"""
_STORED = """
    SELECT id, organization_id, hedera_account_id, network, account_id, direction, consensus_timestamp, transaction_id,
        kind, entity_id, asset, CAST(amount AS bigint) AS asset_amount, memo, sender, link_id, concern
    FROM hedera_transfers WHERE id = :id
"""


class World:
    """Makes the database's content and remembers the ids that tests tamper with."""

    def __init__(self, cluster: Cluster, database: str) -> None:
        self._engines = {
            role: create_engine(driver_url(cluster.url(role, database)))
            for role in ("provvypay_web", "provvypay_worker", "postgres")
        }
        self.ids: dict[str, str] = {}
        self.transfers = 0
        self.ours = self.theirs = Organization(uuid.UUID(int=0), SYSTEM, "")

    @property
    def superuser(self) -> Engine:
        """A connection past every right and every policy."""
        return self._engines["postgres"]

    def dispose(self) -> None:
        """Close every connection."""
        for engine in self._engines.values():
            engine.dispose()

    @contextlib.contextmanager
    def act(self, organization: Organization | None = None, *, role: str = "provvypay_web") -> Iterator[Session]:
        """Open one transaction in a role, in an organization."""
        with Session(self._engines[role], expire_on_commit=False) as session, session.begin():
            if organization:
                enter_organization(session, organization.id)
            yield session

    # ------------------------------------------------------------ people and links

    def organization(self, name: str, currency: str, *, members: int = 0) -> Organization:
        """Make an organization with an owner and further members, who were there yesterday."""
        organization_id = uuid7()
        with self.act() as session:
            owner = self._person(session)
            enter_organization(session, organization_id)
            organizations.create(
                session, organization_id, name=name, currency=currency, time_zone="UTC", owner_id=owner.id, actor=owner
            )
            for _ in range(members):
                organizations.add_member(
                    session, organization_id, self._person(session).id, Role.ACCOUNTANT, actor=owner
                )
            sign_in.open_session(session, owner.id, organization_id, now=T0, user_agent="tests", ip="192.0.2.1")
        with self.superuser.begin() as connection:
            connection.execute(
                text("UPDATE memberships SET created_at = :at WHERE organization_id = :id"),
                {"at": T0 - DAY, "id": organization_id},
            )
        return Organization(organization_id, owner, currency)

    def _person(self, session: Session) -> Actor:
        name = uuid.uuid4().hex[:10]
        email = f"{name}@people.example"
        return Actor("USER", sign_in.register(session, email=email, name=name, password_hash="argon2"))

    def link(
        self,
        of: Organization,
        *,
        amount_minor: int = 100_00,
        expires_at: dt.datetime | None = None,
        made: dt.datetime = T0,
        draft: bool = False,
    ) -> PaymentLink:
        """Make a link."""
        customer = Contact("Ada Byron", "ada@customers.example")
        details = LinkDetails(amount_minor, of.currency, "A red bicycle", "INV-1", expires_at, customer)
        with self.act(of) as session:
            return payment_links.create(session, of.id, details, RATES, actor=of.owner, now=made, open_now=not draft)

    def expired(self, of: Organization) -> PaymentLink:
        """Make a link whose time has passed."""
        link = self.link(of, expires_at=T0 - DAY, made=T0 - 3 * DAY)
        with self.act(of, role="provvypay_worker") as session:
            assert payment_links.expire(session, link.id, now=T0)
        return link

    def canceled(self, of: Organization, *, draft: bool = False) -> PaymentLink:
        """Make a link and cancel it."""
        link = self.link(of, draft=draft)
        with self.act(of) as session:
            payment_links.cancel(session, link.id, actor=of.owner, now=T0)
        return link

    # ------------------------------------------------------------ money

    def arrive(self, link: PaymentLink, **details: object) -> SettleResult:
        """Let money arrive for a link, exactly its amount and in time unless said otherwise."""
        arrived = {
            "organization_id": link.organization_id,
            "link_id": link.id,
            "provider": "STRIPE",
            "provider_reference": f"pi_{uuid.uuid4().hex}",
            "value_minor": link.amount_minor,
            "currency": link.currency,
            "occurred_at": T0,
            "clearing_account": chart.STRIPE_CLEARING,
        } | details
        of = Organization(link.organization_id, SYSTEM, link.currency)
        with self.act(of, role="provvypay_worker") as session:
            return settle(session, IncomingPayment(**arrived), RATES, now=T0)  # type: ignore[arg-type]

    def open_session(self, link: PaymentLink) -> str:
        """Let a customer choose the card; return the session's id at Stripe."""
        name = f"cs_{uuid.uuid4().hex}"
        of = Organization(link.organization_id, SYSTEM, link.currency)
        with self.act(of) as session:
            order = checkout.prepare(session, link.id, "Vale Bicycles", now=T0)
            assert isinstance(order, checkout.CardOrder)
            checkout.record_session(
                session, order, provider_session_id=name, url="https://checkout.example/x", livemode=False,
                expires_at=order.expires_at, now=T0,
            )  # fmt: skip
        return name

    def pay_by_card(self, link: PaymentLink, fee: fees.ChargeSettled | None = None) -> str:
        """Lead a card payment to its end; return the payment's id."""
        name = self.open_session(link)
        intent = name.replace("cs_", "pi_")
        of = Organization(link.organization_id, SYSTEM, link.currency)
        with self.act(of, role="provvypay_worker") as session:
            found = checkout.find(session, name)
            assert found is not None
            payment_links.lock(session, link.id)
            row = checkout.get(session, found[1])
            seen = checkout.Observed(SessionState.COMPLETE, "paid", intent, None, None, fee_known=fee is not None)
            assert checkout.observe(session, row, seen, now=T0)
            arrived = IncomingPayment(
                of.id, link.id, "STRIPE", intent, link.amount_minor, link.currency, T0, chart.STRIPE_CLEARING,
                attempt_id=row.attempt_id,
            )  # fmt: skip
            result = settle(session, arrived, RATES, now=T0)
            if fee is not None:
                assert fees.record(session, "STRIPE", intent, fee)
        return str(result.payment_id)

    def transfer(self, of: Organization, link: PaymentLink | None, amount: int) -> dict[str, Any]:
        """Store HBAR that reached an organization's account, with a link's code as its memo; return what names it."""
        number = self.transfers = self.transfers + 1
        given = {
            "org": of.id, "account": f"0.0.{int(of.id) % 10**6 + 1000}", "owner": of.owner.id, "id": uuid.uuid4(),
            "amount": amount, "memo": link and link.short_code, "link": link and link.id,
            "at": f"{int(T0.timestamp())}.{number:09d}",
            "transaction": f"0.0.7-{int(T0.timestamp()) - 5}-{number:09d}",
        }  # fmt: skip
        with self.act(of, role="postgres") as session:
            session.execute(text(_ACCOUNT), given)
            session.execute(text(_TRANSFER), given)
        return {"transfer_id": given["id"], "consensus_timestamp": given["at"]}

    def apply(self, of: Organization, link: PaymentLink | None, amount: int, *, again: bool = False) -> uuid.UUID:
        """Store a transfer and let it do what it does; return it.

        :param again: at first there is no rate of its time
        """
        transfer_id = self.transfer(of, link, amount)["transfer_id"]
        with self.act(of, role="provvypay_worker") as session:
            if again:
                session.execute(text("DELETE FROM fx_rate_history"))
            stored = StoredTransfer(**session.execute(text(_STORED), {"id": transfer_id}).one()._asdict())
            apply_transfer(session, stored, RATES)
            fx_rates.store(session, RATES)
            if again:
                value_again(session, stored, RATES)
        return transfer_id

    def decide(self, of: Organization, transfer_id: uuid.UUID, action: Action, **more: Any) -> None:
        """Let the owner decide about money that came with a transfer, and another member say yes."""
        with self.act(of) as session:
            found = session.execute(
                text(
                    "SELECT e.id FROM payment_exceptions e JOIN payments p ON p.id = e.payment_id"
                    " WHERE p.transfer_id = :id ORDER BY e.id DESC LIMIT 1"
                ),
                {"id": transfer_id},
            ).scalar_one()
            second = session.execute(
                text("SELECT user_id FROM memberships WHERE user_id <> :owner LIMIT 1"), {"owner": of.owner.id}
            ).scalar_one()
            credit = held.read(session, of.id, found)
            decision = Decision(credit.id, credit.version, action, of.owner, "x", approved_by=second, **more)
            decide.decide(session, of.id, decision, RATES, now=T0)

    def quote(self, of: Organization, link: PaymentLink, amount: int) -> None:
        """Quote a link in HBAR."""
        with self.act(of, role="postgres") as session:
            session.execute(text(_QUOTE), {"link": link.id, "amount": amount})

    def charge(self, amount_minor: int, fee_minor: int, currency: str) -> fees.ChargeSettled:
        """Return a balance transaction as Stripe would tell of it."""
        rate = None if currency == "AUD" else "0.65"
        return fees.ChargeSettled(f"txn_{uuid.uuid4().hex}", amount_minor, fee_minor, currency, rate, T0 + DAY, T0)

    def undo(self, link: PaymentLink, of: Organization) -> str:
        """Take a mark by hand back, as no service does yet; return the journal that reverses the sale."""
        with self.act(of, role="postgres") as session:
            kept = session.execute(
                text(
                    "UPDATE settlements SET voided_at = clock_timestamp() WHERE link_id = :id AND voided_at IS NULL"
                    " RETURNING id"
                ),
                {"id": link.id},
            ).scalar_one()
            booked = session.execute(
                text("SELECT id, kind FROM journals WHERE source_id = :id ORDER BY kind DESC"), {"id": kept}
            ).all()
            taken_back = {
                kind: (Line(debit, "DEBIT", link.amount_minor), Line(credit, "CREDIT", link.amount_minor))
                for kind, debit, credit in (("SALE", "4000", "1200"), ("PAYMENT", "1200", "1000"))
            }
            drafts = [
                Draft(
                    "REVERSAL", "JOURNAL", row.id, link.currency, T0, "Mark undone", link.id,
                    taken_back[row.kind], reverses_id=row.id,
                )
                for row in booked
            ]  # fmt: skip
            reversals = journals.post(session, of.id, drafts)
            payment_links.advance(
                session, of.id, link.id, LinkStatus.PAID, LinkStatus.OPEN, event="link.mark_undone",
                actor=of.owner, at=T0, reason="marked the wrong one",
            )  # fmt: skip
        return str(reversals[0])


def build(world: World) -> None:
    """Fill a migrated database with everything that can be."""
    ours = world.ours = world.organization("Vale Bicycles", "AUD", members=2)
    theirs = world.theirs = world.organization("Kettle & Crane", "GBP")
    with world.superuser.begin() as connection:
        connection.execute(
            text(
                "WITH consent AS (INSERT INTO xero_grants (id, organization_id, auth_event_id, scopes, access_token,"
                " refresh_token, expires_at, created_by) VALUES (gen_random_uuid(), :id, 'event', 'offline_access',"
                " 'v1.01234567.' || repeat('a', 16) || '.' || repeat('b', 40),"
                " 'v1.01234567.' || repeat('a', 16) || '.' || repeat('c', 40), :at, :user) RETURNING id)"
                " INSERT INTO xero_connections (id, organization_id, tenant_id, state, created_at, connected_at,"
                " grant_id) SELECT gen_random_uuid(), :id, gen_random_uuid(), 'CONNECTED', :at, :at, id FROM consent"
            ),
            {"id": ours.id, "at": T0 - DAY, "user": ours.owner.id},
        )
        connection.execute(
            text(
                "INSERT INTO xero_authorizations (id, organization_id, session_id, user_id, state_hash, expires_at)"
                " VALUES (gen_random_uuid(), :id, gen_random_uuid(), :user, sha256('state'), now() + interval '1 hour')"
            ),
            {"id": ours.id, "user": ours.owner.id},
        )
    for of in (ours, theirs):
        _chart_and_locks(world, of)
        _links_and_money(world, of)
        _returns(world, of)
    _messages(world, ours, theirs)
    _crypto(world, ours)
    _tokens(world, ours, theirs)


def _chart_and_locks(world: World, of: Organization) -> None:
    """Give accounts of its own to an organization, one put away, and books closed through a month ago, at last."""
    with world.act(of) as session:
        for code, name in (("6150", "Postage"), ("6160", "Rent")):
            accounts.add(session, of.id, code, name, "EXPENSE", actor=of.owner)
        accounts.archive(session, of.id, "6160", version=1, actor=of.owner)
        for seen, days, reason in ((0, 30, ""), (1, 60, "an invoice was forgotten"), (2, 30, "")):
            through = (T0 - days * DAY).date()
            periods.change(
                session, of.id, through, seen=seen, time_zone="UTC", reason=reason, actor=of.owner, now=T0
            )  # fmt: skip


def _links_and_money(world: World, of: Organization) -> None:
    links = {
        "draft": world.link(of, draft=True),
        "open": world.link(of),
        "canceled": world.canceled(of),
        "discarded": world.canceled(of, draft=True),
        "expired": world.expired(of),
        "seen_late": world.expired(of),
        "paid": world.link(of),
        "converted": world.link(of),
        "tokens": world.link(of),
        "marked": world.link(of),
        "by_hand": world.link(of),
        "being_paid": world.link(of),
        "short": world.link(of),
    }
    world.open_session(links["being_paid"])
    payments = {
        "paid": world.pay_by_card(links["paid"], world.charge(100_00, 2_05, of.currency)),
        "converted": world.pay_by_card(links["converted"], world.charge(65_00, 1_40, "USD")),
        "double": str(world.arrive(links["paid"]).payment_id),
        # of a time that is closed: booked at the first open instant
        "late": str(world.arrive(links["canceled"], occurred_at=T0 - 40 * DAY).payment_id),
        "short": str(world.arrive(links["short"], value_minor=99_99).payment_id),
    }
    world.arrive(links["expired"])
    world.arrive(links["seen_late"], occurred_at=T0 - 2 * DAY)
    world.arrive(
        links["tokens"],
        provider="HEDERA",
        clearing_account="1051",
        asset="HBAR",
        asset_amount=32_258_064_517,
        payer="0.0.7",
        **world.transfer(of, links["tokens"], 32_258_064_517),
    )
    world.arrive(links["marked"], provider="MANUAL", clearing_account=chart.BANK)
    world.arrive(links["by_hand"], provider="MANUAL", clearing_account=chart.BANK)
    reversal = world.undo(links["marked"], of)
    if of.currency == "AUD":
        world.ids |= {f"link_{name}": str(link.id) for name, link in links.items()}
        world.ids |= {f"payment_{name}": payment for name, payment in payments.items()}
        world.ids |= {"organization": str(of.id), "owner": str(of.owner.id), "reversal": reversal}
    else:
        world.ids |= {
            "other_organization": str(of.id),
            "other_link": str(links["paid"].id),
            "other_open": str(links["open"].id),
        }


def _returns(world: World, of: Organization) -> None:
    from tests.check_books import world_returns

    world_returns.build(world, of)


def _tokens(world: World, ours: Organization, theirs: Organization) -> None:
    from tests.check_books import world_tokens

    world_tokens.build(world, ours, all_of_it=False)
    world_tokens.build(world, theirs, all_of_it=True)


def _messages(world: World, ours: Organization, theirs: Organization) -> None:
    """Leave events and messages in every state, and mail that would have been sent."""
    with world.act(role="provvypay_worker") as session:
        fx_rates.store(session, RATES)
        schedule.ensure(session, {"sweep_inbox": 15})
        for number in range(4):
            inbox.store(session, "STRIPE", f"evt_{number}", "charge.updated", {"id": f"evt_{number}"}, livemode=False)
        inbox.store(session, "STRIPE", "evt_other", "x", {}, livemode=True, ignored_because="of the other mode")
        for row_id in inbox.waiting(session, older_than=-DAY)[:2]:
            claimed = inbox.claim(session, row_id)
            assert claimed is not None
            assert inbox.finish(session, claimed)
        messages = outbox.claim(session, most=5)
    for message in messages:
        of = ours if message.organization_id == ours.id else theirs
        with world.act(of, role="provvypay_worker") as session:
            assert outbox.finish(session, message)
    with world.superuser.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO email_deliveries (id, organization_id, kind, cause_id, recipient)"
                " VALUES (gen_random_uuid(), :id, 'x', :id, 'a@b.example')"
            ),
            {"id": ours.id},
        )
        connection.execute(
            text("UPDATE outbox SET dead_at = clock_timestamp() WHERE id = (SELECT max(id) FROM outbox)")
        )


_CRYPTO = """
    INSERT INTO hedera_cursors (hedera_account_id, organization_id, network, account_id, seen_until)
    SELECT id, organization_id, network, account_id, '1767300000.000000000' FROM hedera_accounts;
    INSERT INTO transfer_claims
        (id, organization_id, link_id, network, transaction_id, source, state, next_check_at, transfer_id)
    SELECT gen_random_uuid(), organization_id, link_id, network, transaction_id, 'CUSTOMER', 'ATTACHED', NULL, id
    FROM hedera_transfers WHERE organization_id = :org AND link_id = CAST(:link_tokens AS uuid);
    INSERT INTO correction_requests
        (id, organization_id, action, exception_id, link_id, details, amount_minor, currency, reason, requested_by,
        state, decided_by, decided_at)
    SELECT gen_random_uuid(), e.organization_id, 'ACCEPT', e.id, e.link_id, '{}', e.amount_minor, e.currency, 'x',
        CAST(:owner AS uuid), 'APPROVED', m.user_id, clock_timestamp()
    FROM payment_exceptions e JOIN memberships m USING (organization_id)
    WHERE e.payment_id = CAST(:payment_late AS uuid) AND m.user_id <> CAST(:owner AS uuid) LIMIT 1;
    INSERT INTO exception_comments (id, organization_id, exception_id, written_by, body)
    SELECT gen_random_uuid(), organization_id, id, CAST(:owner AS uuid), 'Asked the customer.' FROM payment_exceptions
    WHERE payment_id = CAST(:payment_late AS uuid);
    UPDATE payment_exceptions e SET assigned_to = CAST(:owner AS uuid) WHERE payment_id = CAST(:payment_late AS uuid)
"""


def _crypto(world: World, of: Organization) -> None:
    """Leave an account that is read, a claim, a link paid in parts with a surplus, and money of every other fate."""
    whole = 32_258_064_517
    parts, alike, wanting = (world.link(of) for _ in range(3))
    for link, asked in ((parts, whole), (alike, whole), (wanting, whole + 1)):
        world.quote(of, link, asked)
    world.apply(of, parts, whole // 2)
    world.apply(of, parts, whole)
    world.apply(of, wanting, whole // 4)
    world.apply(of, None, whole, again=True)
    world.apply(of, None, 1)
    nameless, applied, accepted = world.apply(of, None, whole - 7), world.link(of, amount_minor=50_00), world.link(of)
    world.quote(of, accepted, whole - 7)
    world.decide(of, nameless, Action.MATCHED, link_id=accepted.id)
    odd = world.apply(of, wanting, whole * 2)
    world.decide(of, odd, Action.APPLIED, link_id=applied.id)
    with world.act(of, role="postgres") as session:
        for statement in _CRYPTO.split(";"):
            session.execute(text(statement), {"org": of.id, **world.ids})
