"""Organizations: made with their books, their settings and their first owner."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from zoneinfo import available_timezones

from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from provvypay.domain.currencies import CURRENCIES
from provvypay.domain.roles import Role
from provvypay.errors import Conflict, Invalid, NotFound
from provvypay.kit.clock import now
from provvypay.kit.db import changed
from provvypay.models.organization import Membership, MerchantSettings, Organization
from provvypay.services import audit
from provvypay.services.ledger import chart


@dataclass(frozen=True, slots=True)
class MembershipView:
    """An organization a person belongs to."""

    organization_id: uuid.UUID
    name: str
    role: str
    currency: str
    time_zone: str


def create(
    session: Session,
    organization_id: uuid.UUID,
    *,
    name: str,
    currency: str,
    time_zone: str,
    owner_id: uuid.UUID,
    actor: audit.Actor,
) -> None:
    """Make an organization with its chart of accounts, its settings and one owner.

    :param organization_id: new; the transaction must already be in it, for row-level security
    :raises Invalid: for a currency or a time zone we do not know
    """
    problems: dict[str, str] = {}
    if currency not in CURRENCIES:
        problems["currency"] = "Choose one of the currencies in the list."
    if time_zone not in available_timezones():
        problems["time_zone"] = "Choose one of the time zones in the list."
    if not 1 <= len(name) <= 120:
        problems["organization"] = "Enter a name of at most 120 characters."
    if problems:
        raise Invalid(problems)
    session.execute(insert(Organization).values(id=organization_id, name=name, currency=currency, time_zone=time_zone))
    session.execute(insert(MerchantSettings).values(organization_id=organization_id))
    session.execute(insert(Membership).values(organization_id=organization_id, user_id=owner_id, role=Role.OWNER))
    chart.create(session, organization_id)
    audit.record(
        session,
        "organization.created",
        actor,
        organization_id=organization_id,
        subject_type="organization",
        subject_id=str(organization_id),
    )


def add_member(
    session: Session, organization_id: uuid.UUID, user_id: uuid.UUID, role: Role, *, actor: audit.Actor
) -> None:
    """Give a person a role in the transaction's organization."""
    session.execute(insert(Membership).values(organization_id=organization_id, user_id=user_id, role=role))
    audit.record(
        session,
        "member.added",
        actor,
        organization_id=organization_id,
        subject_type="user",
        subject_id=str(user_id),
        role=role,
    )


def memberships_of(session: Session, user_id: uuid.UUID) -> list[MembershipView]:
    """Return the organizations a person belongs to, oldest first; across organizations."""
    rows = session.execute(text("SELECT * FROM lookup_memberships(:id)"), {"id": user_id})
    return [MembershipView(row.organization_id, row.name, row.role, row.currency, row.time_zone) for row in rows]


def get(session: Session, organization_id: uuid.UUID) -> Organization:
    """Return the transaction's organization.

    :raises NotFound: for any other
    """
    row = session.scalar(select(Organization).where(Organization.id == organization_id))
    if row is None:
        raise NotFound(f"organization {organization_id}")
    return row


def settings_of(session: Session, organization_id: uuid.UUID) -> MerchantSettings:
    """Return an organization's settings.

    :raises NotFound: for another organization's
    """
    row = session.scalar(select(MerchantSettings).where(MerchantSettings.organization_id == organization_id))
    if row is None:
        raise NotFound(f"organization {organization_id}")
    return row


def update_profile(
    session: Session,
    organization_id: uuid.UUID,
    *,
    version: int,
    name: str,
    time_zone: str,
    legal_name: str,
    legal_id: str,
    support_email: str,
    actor: audit.Actor,
    approval_limit_minor: int | None = None,
) -> None:
    """Change what customers and reports show.

    :param version: of the organization, as the person saw it
    :param approval_limit_minor: above which a correction needs a second person; None: never
    :raises Conflict: when somebody changed it since
    :raises Invalid: for a name or time zone that cannot be used
    """
    _check_profile(name, time_zone)
    chosen = {
        "legal_name": legal_name,
        "legal_id": legal_id,
        "support_email": support_email,
        "approval_limit_minor": approval_limit_minor,
    }
    saved = session.execute(
        update(Organization)
        .where(Organization.id == organization_id, Organization.version == version)
        .values(name=name, time_zone=time_zone, version=version + 1)
    )
    if not changed(saved):
        raise Conflict(f"organization {organization_id} is no longer version {version}")
    session.execute(
        update(MerchantSettings)
        .where(MerchantSettings.organization_id == organization_id)
        .values(**chosen, updated_at=now())
    )
    audit.record(
        session,
        "organization.changed",
        actor,
        organization_id=organization_id,
        subject_type="organization",
        subject_id=str(organization_id),
        approval_limit_minor=approval_limit_minor,
    )


def _check_profile(name: str, time_zone: str) -> None:
    problems: dict[str, str] = {}
    if not 1 <= len(name) <= 120:
        problems["name"] = "Enter a name of at most 120 characters."
    if time_zone not in available_timezones():
        problems["time_zone"] = "Choose one of the time zones in the list."
    if problems:
        raise Invalid(problems)
