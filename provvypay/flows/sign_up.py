"""A person signs up: an account, an organization with its books, and a first session, together or not at all."""

from __future__ import annotations

from provvypay.kit.clock import now
from provvypay.kit.db import enter_organization, transaction
from provvypay.kit.ids import uuid7
from provvypay.kit.passwords import hash_password
from provvypay.services import audit, organizations, sign_in


def sign_up(
    *,
    name: str,
    email: str,
    password: str,
    organization: str,
    currency: str,
    time_zone: str,
    user_agent: str,
    actor: audit.Actor,
) -> str:
    """Make everything a new merchant needs and return the token of their first session.

    :param password: already checked by kit/passwords.refusal
    :raises Invalid: for an address that has an account, a currency or a time zone we do not know; nothing is written
    """
    # Hashing takes a tenth of a second on purpose; no transaction waits for it.
    password_hash = hash_password(password)
    organization_id = uuid7()
    with transaction() as session:
        user_id = sign_in.register(session, email=email, name=name, password_hash=password_hash)
        enter_organization(session, organization_id)
        person = audit.Actor("USER", user_id, actor.ip, actor.request_id)
        organizations.create(
            session,
            organization_id,
            name=organization,
            currency=currency,
            time_zone=time_zone,
            owner_id=user_id,
            actor=person,
        )
        audit.record(
            session,
            "account.created",
            person,
            organization_id=organization_id,
            subject_type="user",
            subject_id=str(user_id),
        )
        return sign_in.open_session(session, user_id, organization_id, now=now(), user_agent=user_agent, ip=actor.ip)
