"""Make what a test needs by driving the product: every test has its own organization, beside a noisy neighbour."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from functools import cached_property, lru_cache

from provvypay.domain.payments import IncomingPayment, SettleResult
from provvypay.domain.rates import RateTable
from provvypay.domain.roles import Role
from provvypay.domain.statuses import ExceptionKind, LinkStatus
from provvypay.flows import create_link as links
from provvypay.flows.current_rates import current_rates
from provvypay.kit.clock import now
from provvypay.kit.db import enter_organization, transaction
from provvypay.kit.ids import uuid7
from provvypay.kit.passwords import hash_password
from provvypay.models.payment_link import PaymentLink
from provvypay.services import organizations, payment_links, sign_in
from provvypay.services.audit import Actor
from provvypay.services.ledger import chart
from provvypay.services.payment_links import LinkDetails
from provvypay.services.settlement import settle
from tests.support.database import acting_as

PASSWORD = "nine blue herons at dusk"
NOISE = "NOISE of somebody else"
"""stands in every text of the neighbour; no page of another organization may ever hold it"""


@lru_cache(maxsize=4)
def _hash(password: str) -> str:
    """Hash once per process: it costs a tenth of a second on purpose."""
    return hash_password(password)


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in."""

    id: uuid.UUID
    email: str
    name: str
    password: str = PASSWORD

    @property
    def actor(self) -> Actor:
        """The person as the audit names them."""
        return Actor("USER", self.id)


@dataclass(frozen=True)
class Merchant:
    """An organization and its first owner."""

    organization_id: uuid.UUID
    name: str
    currency: str
    time_zone: str
    owner: Person

    @property
    def actor(self) -> Actor:
        """The owner as the audit names them."""
        return self.owner.actor


class Make:
    """The factories of one test; each states only what matters to the test."""

    @cached_property
    def merchant(self) -> Merchant:
        """The test's own organization."""
        return self.organization()

    def user(self, *, name: str = "Robin Vale", email: str | None = None, password: str = PASSWORD) -> Person:
        """Make a person with an account and no organization."""
        address = email or f"{uuid.uuid4().hex[:12]}@people.example"
        with transaction() as session:
            user_id = sign_in.register(session, email=address, name=name, password_hash=_hash(password))
        return Person(user_id, address, name, password)

    def organization(
        self,
        *,
        name: str = "Vale Bicycles",
        currency: str = "AUD",
        time_zone: str = "Australia/Sydney",
        owner: Person | None = None,
    ) -> Merchant:
        """Make an organization with its books and an owner."""
        person = owner or self.user()
        organization_id = uuid7()
        with transaction() as session:
            enter_organization(session, organization_id)
            organizations.create(
                session,
                organization_id,
                name=name,
                currency=currency,
                time_zone=time_zone,
                owner_id=person.id,
                actor=person.actor,
            )
        return Merchant(organization_id, name, currency, time_zone, person)

    def member(self, role: Role, merchant: Merchant | None = None, *, person: Person | None = None) -> Person:
        """Give somebody a role in an organization; the owner it has already is its owner."""
        merchant = merchant or self.merchant
        if role is Role.OWNER and person is None:
            return merchant.owner
        person = person or self.user(name=f"{role.capitalize()} Vale")
        with transaction(merchant.organization_id) as session:
            organizations.add_member(session, merchant.organization_id, person.id, role, actor=merchant.actor)
        return person

    def session_token(self, person: Person, merchant: Merchant | None = None) -> str:
        """Open a session for a person, as signing in would, without the tenth of a second that takes."""
        with transaction() as session:
            return sign_in.open_session(
                session,
                person.id,
                merchant.organization_id if merchant else None,
                now=now(),
                user_agent="tests",
                ip=None,
            )

    def link(
        self,
        *,
        status: LinkStatus = LinkStatus.OPEN,
        amount_minor: int = 120_50,
        currency: str | None = None,
        description: str = "A red bicycle",
        reference: str = "",
        expires_at: dt.datetime | None = None,
        merchant: Merchant | None = None,
    ) -> PaymentLink:
        """Make a link and lead it to a status by the steps a merchant, a customer or the clock would take.

        A link that shall be EXPIRED was made three days ago, for two days.
        """
        merchant = merchant or self.merchant
        details = LinkDetails(amount_minor, currency or merchant.currency, description, reference, expires_at)
        if status is LinkStatus.EXPIRED:
            return self._expired(merchant, details)
        link = links.create_link(
            merchant.organization_id, details, actor=merchant.actor, open_now=status is not LinkStatus.DRAFT
        )
        if status is LinkStatus.CANCELED:
            return links.cancel(merchant.organization_id, link.id, actor=merchant.actor)
        if status is LinkStatus.PAID:
            self.settled(link)
            return self.reload(link)
        return link

    def _expired(self, merchant: Merchant, details: LinkDetails) -> PaymentLink:
        made = now() - dt.timedelta(days=3)
        ended = details.expires_at or made + dt.timedelta(days=2)
        old = LinkDetails(details.amount_minor, details.currency, details.description, details.reference, ended)
        with transaction(merchant.organization_id) as session:
            link = payment_links.create(
                session, merchant.organization_id, old, RateTable(), actor=merchant.actor, now=made
            )
        with acting_as("worker"), transaction(merchant.organization_id) as session:
            assert payment_links.expire(session, link.id, now=now())
        return self.reload(link)

    def reload(self, link: PaymentLink) -> PaymentLink:
        """Return a link as it is now."""
        with transaction(link.organization_id) as session:
            return payment_links.get(session, link.id)

    def incoming_payment(
        self,
        link: PaymentLink,
        *,
        amount_minor: int | None = None,
        currency: str | None = None,
        reference: str | None = None,
        occurred_at: dt.datetime | None = None,
    ) -> IncomingPayment:
        """Return money that arrived by card for a link, exactly its amount unless said otherwise."""
        return IncomingPayment(
            organization_id=link.organization_id,
            link_id=link.id,
            provider="STRIPE",
            provider_reference=reference or f"pi_{uuid.uuid4().hex}",
            value_minor=amount_minor or link.amount_minor,
            currency=currency or link.currency,
            occurred_at=occurred_at or now(),
            clearing_account=chart.STRIPE_CLEARING,
        )

    def settled(self, link: PaymentLink, arrived: IncomingPayment | None = None) -> SettleResult:
        """Let money arrive, as the worker would learn of it."""
        arrived = arrived or self.incoming_payment(link)
        rates = current_rates()
        with acting_as("worker"), transaction(link.organization_id) as session:
            return settle(session, arrived, rates, now=now())

    def exception(self, kind: ExceptionKind = ExceptionKind.DOUBLE, *, merchant: Merchant | None = None) -> PaymentLink:
        """Let money arrive that cannot settle its link; return the link."""
        if kind is ExceptionKind.DOUBLE:
            link = self.link(status=LinkStatus.PAID, merchant=merchant)
            self.settled(link)
        elif kind is ExceptionKind.LATE:
            link = self.link(status=LinkStatus.CANCELED, merchant=merchant)
            self.settled(link)
        else:
            link = self.link(merchant=merchant)
            self.settled(link, self.incoming_payment(link, amount_minor=link.amount_minor - 1))
        return self.reload(link)


def make_noise() -> Merchant:
    """Make a neighbour with a row of every kind, so that every filter has something to leave out."""
    make = Make()
    merchant = make.organization(name=NOISE, owner=make.user(name=NOISE))
    for status in (LinkStatus.DRAFT, LinkStatus.OPEN, LinkStatus.PAID, LinkStatus.EXPIRED, LinkStatus.CANCELED):
        make.link(status=status, description=NOISE, reference=NOISE, merchant=merchant)
    for kind in ExceptionKind:
        make.exception(kind, merchant=merchant)
    return merchant
