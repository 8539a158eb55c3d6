"""A person signs in: counted first, then looked at, so that guessing is slow however many guess at once."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Iterator

from provvypay.errors import Invalid, NotFound, Throttled
from provvypay.kit.clock import now
from provvypay.kit.db import enter_organization, transaction
from provvypay.kit.passwords import hash_password, needs_rehash, verify_password
from provvypay.services import audit, organizations, sign_in
from provvypay.services.audit import Actor

# Each hash takes 64 MiB and a tenth of a second of a core: two at once leave room for people who pay. Two more may
# wait; whoever comes then is told to come again, or all threads of the server would stand here.
_hashing = threading.BoundedSemaphore(2)
_places = threading.BoundedSemaphore(4)


@contextlib.contextmanager
def hashing() -> Iterator[None]:
    """Hold one of the few places where passwords are hashed.

    :raises Throttled: when all are taken
    """
    if not _places.acquire(blocking=False):
        raise Throttled(2, public_message="Many people are signing in right now. Try again in a few seconds.")
    try:
        with _hashing:
            yield
    finally:
        _places.release()


def enter(email: str, password: str, *, user_agent: str, actor: Actor, leaving: str | None = None) -> str | None:
    """Return the token of a new session, or None when address and password do not fit together.

    An unknown address takes as long as a wrong password and leaves the same rows.

    :param leaving: the token this browser held until now; its session ends
    :raises Throttled: before the password is looked at; the try is written down
    """
    count_try(email, actor, refused_as="sign_in.throttled")
    with transaction() as session:
        user = sign_in.find_user(session, email)
    with hashing():
        fits = verify_password(user.password_hash if user else None, password)
        fresh_hash = hash_password(password) if fits and user and needs_rehash(user.password_hash) else None
    if user is None or not fits:
        with transaction() as session:
            audit.record(session, "sign_in.refused", actor, user_id=str(user.id) if user else None)
        return None
    person = Actor("USER", user.id, actor.ip, actor.request_id)
    with transaction() as session:
        sign_in.forgive(session, email, actor.ip)
        if fresh_hash:
            sign_in.rehash(session, user.id, fresh_hash)
        if leaving:
            sign_in.end_session(session, leaving, now=now())
        own = organizations.memberships_of(session, user.id)
        organization_id = own[0].organization_id if own else None
        if organization_id:
            enter_organization(session, organization_id)
        audit.record(
            session,
            "sign_in.done",
            person,
            organization_id=organization_id,
            subject_type="user",
            subject_id=str(user.id),
        )
        return sign_in.open_session(session, user.id, organization_id, now=now(), user_agent=user_agent, ip=actor.ip)


def confirm(email: str, password: str, *, actor: Actor) -> None:
    """Ask a signed-in person for their password once more, before something that must not happen by a found laptop.

    Counted like a sign-in, so that nobody guesses here instead.

    :raises Invalid: when it is not theirs; the try is written down
    :raises Throttled: before the password is looked at
    """
    count_try(email, actor, refused_as="sign_in.throttled")
    with transaction() as session:
        user = sign_in.find_user(session, email)
    with hashing():
        fits = verify_password(user.password_hash if user else None, password)
    with transaction() as session:
        if fits:
            sign_in.forgive(session, email, actor.ip)
        else:
            audit.record(session, "password.refused", actor, user_id=str(user.id) if user else None)
    if not fits:
        raise Invalid({"password": "This is not your password."})


def count_try(key: str, actor: Actor, *, refused_as: str) -> None:
    """Count a try of an address and from a network address; committed before anything else happens.

    :param refused_as: the audit's name for a try that comes too soon
    :raises Throttled: with the seconds to wait
    """
    with transaction() as session:
        wait = sign_in.claim_try(session, key, actor.ip, now=now())
        if wait:
            audit.record(session, refused_as, actor, seconds=wait)
    if wait:
        raise Throttled(wait)


def leave(token: str, organization_id: uuid.UUID | None, *, actor: Actor) -> None:
    """End a session for good; a copy of its cookie is worth nothing from now on."""
    with transaction(organization_id) as session:
        sign_in.end_session(session, token, now=now())
        audit.record(
            session,
            "sign_in.ended",
            actor,
            organization_id=organization_id,
            subject_type="user",
            subject_id=str(actor.id),
        )


def switch(session_id: uuid.UUID, organization_id: uuid.UUID, *, actor: Actor) -> None:
    """Let a session work in another organization its person belongs to.

    :raises NotFound: for an organization that is not one of theirs, or is none
    """
    with transaction() as session:
        own = {one.organization_id for one in organizations.memberships_of(session, actor.id)} if actor.id else set()
        if organization_id not in own:
            raise NotFound(f"organization {organization_id} of user {actor.id}")
        sign_in.work_in(session, session_id, organization_id)
        enter_organization(session, organization_id)
        audit.record(session, "organization.entered", actor, organization_id=organization_id)
