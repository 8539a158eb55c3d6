"""Accounts and sessions: sign up, sign in, sign out, and the throttle that makes guessing slow."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from dataclasses import dataclass

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from provvypay.errors import Invalid
from provvypay.kit.ids import secret_token, token_hash, uuid7
from provvypay.models.user import User, UserSession

IDLE = dt.timedelta(minutes=30)
ABSOLUTE = dt.timedelta(hours=12)
MOST_SESSIONS = 50

# Writing last_seen on every request would turn reads into writes; once a minute is exact enough for a 30-minute limit.
SEEN_EVERY = dt.timedelta(minutes=1)

ACCOUNT_FREE_TRIES = 5
ADDRESS_FREE_TRIES = 20
_WINDOW = dt.timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is asking, and for which organization they work now; one read per request."""

    session_id: uuid.UUID
    user_id: uuid.UUID
    email: str
    name: str
    is_platform_admin: bool
    last_seen_at: dt.datetime
    organization_id: uuid.UUID | None
    organization_name: str | None
    role: str | None
    currency: str | None
    time_zone: str | None


def register(session: Session, *, email: str, name: str, password_hash: str) -> uuid.UUID:
    """Make an account.

    :raises Invalid: when the address has one already
    """
    user_id = uuid7()
    try:
        with session.begin_nested():
            session.execute(insert(User).values(id=user_id, email=email, name=name, password_hash=password_hash))
    except IntegrityError as error:
        raise Invalid({"email": "This address has an account already. Sign in instead."}) from error
    return user_id


def find_user(session: Session, email: str) -> User | None:
    """Return the active account of an address, whatever its case."""
    return session.scalar(select(User).where(func.lower(User.email) == email.lower(), User.disabled_at.is_(None)))


def rehash(session: Session, user_id: uuid.UUID, password_hash: str) -> None:
    """Keep a hash made with today's parameters."""
    session.execute(update(User).where(User.id == user_id).values(password_hash=password_hash))


def open_session(
    session: Session,
    user_id: uuid.UUID,
    organization_id: uuid.UUID | None,
    *,
    now: dt.datetime,
    user_agent: str,
    ip: str | None,
) -> str:
    """Start a session and return its token, which is stored nowhere; the 51st ends the oldest."""
    token = secret_token()
    session.execute(
        insert(UserSession).values(
            id=uuid7(),
            user_id=user_id,
            token_hash=token_hash(token),
            organization_id=organization_id,
            last_seen_at=now,
            expires_at=now + ABSOLUTE,
            user_agent=user_agent[:200],
            ip=ip,
        )
    )
    live = (
        select(UserSession.id)
        .where(UserSession.user_id == user_id, UserSession.revoked_at.is_(None))
        .order_by(UserSession.created_at.desc())
        .offset(MOST_SESSIONS)
    )
    session.execute(update(UserSession).where(UserSession.id.in_(live)).values(revoked_at=now))
    return token


def who(session: Session, token: str, *, now: dt.datetime, in_person: bool = True) -> SignedIn | None:
    """Return who holds a token, or None when the session ended, idled out, was revoked or its person was disabled.

    Notes that the session was used, at most once a minute.

    :param in_person: False for a page that asks by itself: a screen nobody sits at idles out too
    """
    row = session.execute(text("SELECT * FROM lookup_session(:hash)"), {"hash": token_hash(token)}).one_or_none()
    if row is None or now - row.last_seen_at > IDLE:
        return None
    if in_person and now - row.last_seen_at > SEEN_EVERY:
        session.execute(update(UserSession).where(UserSession.id == row.session_id).values(last_seen_at=now))
    return SignedIn(
        session_id=row.session_id,
        user_id=row.user_id,
        email=row.email,
        name=row.user_name,
        is_platform_admin=row.is_platform_admin,
        last_seen_at=row.last_seen_at,
        organization_id=row.organization_id,
        organization_name=row.organization_name,
        role=row.role,
        currency=row.currency,
        time_zone=row.time_zone,
    )


def end_session(session: Session, token: str, *, now: dt.datetime) -> None:
    """End a session for good: a copied cookie is worth nothing from now on."""
    session.execute(
        update(UserSession)
        .where(UserSession.token_hash == token_hash(token), UserSession.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def work_in(session: Session, session_id: uuid.UUID, organization_id: uuid.UUID) -> None:
    """Switch a session to another organization; the caller checked the membership."""
    session.execute(update(UserSession).where(UserSession.id == session_id).values(organization_id=organization_id))


# ---------------------------------------------------------------- throttle

_BEGIN = text(
    "INSERT INTO sign_in_throttles (key, failures, window_started_at) VALUES (:key, 0, :now)"
    " ON CONFLICT (key) DO NOTHING"
)
_LONGEST_BLOCK = text(
    "SELECT max(blocked_until) FROM ("
    "SELECT blocked_until FROM sign_in_throttles WHERE key = ANY(:keys) ORDER BY key FOR UPDATE"
    ") AS held"
)
_COUNT = text("""
    UPDATE sign_in_throttles SET
        failures = CASE WHEN window_started_at < :window THEN 1 ELSE failures + 1 END,
        window_started_at = CASE WHEN window_started_at < :window THEN :now ELSE window_started_at END,
        blocked_until = CASE
            WHEN window_started_at < :window OR failures + 1 < :free THEN NULL
            ELSE CAST(:now AS timestamptz)
                + make_interval(secs => least(900, 5 * power(2, least(failures + 1 - :free, 10))))
        END
    WHERE key = :key
""")


def account_key(email: str) -> str:
    """Return the throttle's key of an address: hashed, so that mistyped passwords in the address field are not kept."""
    return "account:" + hashlib.sha256(email.strip().lower().encode()).hexdigest()


def address_key(ip: str | None) -> str:
    """Return the throttle's key of a network address."""
    return f"ip:{ip or 'unknown'}"


def claim_try(session: Session, email: str, ip: str | None, *, now: dt.datetime) -> int:
    """Count a try before the password is looked at, and return the seconds to wait; 0 = go on.

    The counters are locked before they are read, so that sixteen parallel guesses stay within the limit too. A right
    password gives its tries back (forgive). Nobody is locked out for good: the wait grows to 15 minutes at most.
    """
    keys = {account_key(email): ACCOUNT_FREE_TRIES, address_key(ip): ADDRESS_FREE_TRIES}
    for key in sorted(keys):
        session.execute(_BEGIN, {"key": key, "now": now})
    blocked = session.scalar(_LONGEST_BLOCK, {"keys": list(keys)})
    if blocked is not None and blocked > now:
        return int((blocked - now).total_seconds()) + 1
    for key in sorted(keys):
        session.execute(_COUNT, {"key": key, "now": now, "window": now - _WINDOW, "free": keys[key]})
    return 0


def forgive(session: Session, email: str, ip: str | None) -> None:
    """Take back what a right password had counted: the account's failures, and this one try of its network address.

    An office that signs in at nine shares an address and makes no mistakes. Only the one try is given back, so an
    account of one's own does not make room for guesses at another's.
    """
    keys = {"account": account_key(email), "address": address_key(ip)}
    session.execute(text("DELETE FROM sign_in_throttles WHERE key = :account"), keys)
    session.execute(_GIVE_BACK, {**keys, "free": ADDRESS_FREE_TRIES})


# The wait that the try itself caused goes with it; one that failures caused stays.
_GIVE_BACK = text("""
    UPDATE sign_in_throttles SET
        failures = greatest(failures - 1, 0),
        blocked_until = CASE WHEN failures - 1 < :free THEN NULL ELSE blocked_until END
    WHERE key = :address
""")
