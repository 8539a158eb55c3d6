"""Read what the pay page shows, by short code: two statements, because many people wait on this page at once.

The first finds whose link it is and enters that organization; the second reads all the rest under row-level security.
A link that takes tokens, or was paid with one, needs a few more (pay_crypto.py).
No more leaves here than the page needs: no ids, nothing about the customer.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from provvypay.domain.statuses import LinkStatus, Provider, SessionState
from provvypay.kit.db import Statement
from provvypay.services import declines, pay_crypto
from provvypay.services.link_views import method
from provvypay.services.numbers import receipt_number
from provvypay.services.pay_crypto import TokensNow
from provvypay.services.pay_page import NOTICES, Came, Card, Face, Notice, Payee, PayLink, PayPage, Receipt
from provvypay.services.pay_tokens import NOTHING, Crypto

_PAUSED = "Many cards were declined here in a short time, so cards pause for a while. Nothing was charged."

# The hosted card page asks for the whole amount.
_REST = "A part came as a token already; a card would pay all of it again."

# Row-level security reads app.org_id when the next statement begins, so one statement cannot do both.
_ENTER = Statement("""
    SELECT organization_id, link_id, set_config('app.org_id', CAST(organization_id AS text), true)
    FROM lookup_link(:code)
""")

# The newest session is found through the attempts, which are indexed by link.
_READ = Statement("""
    SELECT l.short_code, l.status, l.amount_minor, l.currency, l.description, l.reference, l.expires_at,
        l.return_url, l.methods, o.name, o.time_zone, m.legal_name, m.legal_id, m.support_email, m.card_enabled,
        m.crypto_enabled, m.quote_window_seconds,
        c.state AS session_state, c.payment_status, c.decline_code,
        CAST(coalesce((SELECT sum(r.amount_minor) FROM refunds r WHERE r.organization_id = :org AND r.link_id = l.id
            AND r.state = 'SUCCEEDED' AND r.exception_id IS NULL), 0) AS bigint) AS refunded_minor,
        s.id AS settlement_id, s.settled_at, p.provider, p.asset, p.provider_reference,
        (SELECT max(CAST(e.data ->> 'until' AS timestamptz)) FROM payment_events e
         WHERE e.link_id = l.id AND e.kind = 'card.paused' AND e.organization_id = :org) AS cards_paused_until,
        EXISTS (SELECT FROM payment_attempts a
            WHERE a.link_id = l.id AND a.organization_id = :org AND a.method <> 'CARD') AS has_quotes,
        EXISTS (SELECT FROM payment_events e JOIN payment_exceptions x ON x.payment_id = e.payment_id
            WHERE e.link_id = l.id AND e.kind = 'payment.held' AND e.organization_id = :org
              AND x.organization_id = :org AND x.state = 'OPEN') AS held
    FROM payment_links l
    JOIN organizations o ON o.id = l.organization_id
    JOIN merchant_settings m ON m.organization_id = l.organization_id
    LEFT JOIN LATERAL (
        SELECT cs.state, cs.payment_status, cs.decline_code
        FROM payment_attempts a JOIN checkout_sessions cs ON cs.attempt_id = a.id
        WHERE a.link_id = l.id AND a.organization_id = :org AND cs.organization_id = :org
        ORDER BY a.number DESC LIMIT 1) AS c ON true
    LEFT JOIN settlements s ON s.link_id = l.id AND s.organization_id = :org AND s.voided_at IS NULL
    LEFT JOIN settlement_parts t ON t.settlement_id = s.id AND t.organization_id = :org
    LEFT JOIN payments p ON p.id = t.payment_id AND p.organization_id = :org
    WHERE l.id = :id AND l.organization_id = :org
    ORDER BY p.occurred_at DESC NULLS LAST LIMIT 1
""")

_OWN_SESSION = Statement("""
    SELECT 1 FROM checkout_sessions
    WHERE organization_id = :org AND link_id = :id AND provider_session_id = :provider_session_id
""")


def read(
    session: Session,
    short_code: str,
    *,
    now: dt.datetime,
    cards_on: bool,
    came: Came | None = None,
    tokens: TokensNow | None = None,
    asset: str = "",
) -> PayPage | None:
    """Return the pay page of a link; None for a code nobody has, and for a draft, which nobody may know of.

    :param session: of a transaction without an organization; it is in the link's afterwards
    :param short_code: normalized
    :param cards_on: whether this deployment takes cards at all
    :param came: how the customer got here, if we know
    :param tokens: the network and the rates of the moment; None while this deployment takes no tokens
    :param asset: the token the customer has chosen, or an empty text
    """
    found = _enter(session, short_code)
    if found is None:
        return None
    row = _READ.run(session, {"org": found.organization_id, "id": found.link_id}).fetchone()
    if row is None or row.status in {LinkStatus.NEW, LinkStatus.DRAFT}:
        return None
    crypto = _crypto(session, found, row, tokens, asset=asset, now=now)
    card = _card(row, crypto, cards_on=cards_on, now=now)
    face = _face(row, card, crypto, now=now, returned=came is Came.RETURNED)
    return PayPage(
        face=face,
        payee=Payee(row.name, monogram(row.name), row.legal_name, row.legal_id, row.support_email),
        link=PayLink(
            short_code=row.short_code,
            amount_minor=row.amount_minor,
            currency=row.currency,
            description=row.description,
            reference=row.reference,
            expires_at=row.expires_at,
            time_zone=row.time_zone,
            return_url=row.return_url,
        ),
        card=card,
        receipt=_receipt(row, crypto) if face is Face.PAID else None,
        notice=_notice(row, crypto, came) if face in {Face.CHOOSE, Face.SEND} else None,
        delayed=face is Face.PROCESSING and _on_its_way(row),
        held=row.held or bool(crypto.held),
        crypto=crypto,
        may_turn=face is Face.EXPIRED and row.status == LinkStatus.OPEN and crypto.ever,
    )


def _crypto(
    session: Session, found: Any, row: Any, tokens: TokensNow | None, *, asset: str, now: dt.datetime
) -> Crypto:
    """Return what there is to say of tokens; for a link that takes none and got none, nothing, without asking."""
    is_open = row.status == LinkStatus.OPEN
    takes = is_open and tokens is not None and row.crypto_enabled and set(row.methods) - {"CARD"}
    if not takes and row.provider != Provider.HEDERA and not row.has_quotes:
        return NOTHING
    asked = pay_crypto.Asked(
        organization_id=found.organization_id,
        link_id=found.link_id,
        amount_minor=row.amount_minor,
        currency=row.currency,
        methods=row.methods,
        window=dt.timedelta(seconds=row.quote_window_seconds),
        ends_at=row.expires_at,
        asset=asset if is_open else "",
    )
    crypto = pay_crypto.read(session, asked, now=now)
    has_ended = asked.ends_at is not None and now >= asked.ends_at
    if not takes or tokens is None or has_ended or crypto.sending is not None:
        return crypto
    choices = pay_crypto.choices(session, asked, crypto.due_minor, tokens, now=now)
    return replace(crypto, choices=choices, window=asked.window)


def has_session(session: Session, short_code: str, provider_session_id: str) -> bool:
    """Say whether a Checkout Session was made for this very link.

    :param session: of a transaction without an organization; it is in the link's afterwards
    """
    found = _enter(session, short_code)
    if found is None:
        return False
    given = {"org": found.organization_id, "id": found.link_id, "provider_session_id": provider_session_id}
    return _OWN_SESSION.run(session, given).fetchone() is not None


def _enter(session: Session, short_code: str) -> Any:
    found = _ENTER.run(session, {"code": short_code}).fetchone()
    if found is not None:
        session.info["organization_id"] = found.organization_id
    return found


def monogram(name: str) -> str:
    """Return up to two letters that stand for a name."""
    letters = [word[0].upper() for word in name.split() if word[0].isalnum()]
    return "".join(letters[:2]) or "?"


def _face(row: Any, card: Card, crypto: Crypto, *, now: dt.datetime, returned: bool) -> Face:
    if row.status != LinkStatus.OPEN:
        return Face(row.status)
    if _on_its_way(row) or (returned and row.session_state == SessionState.OPEN):
        return Face.PROCESSING
    if row.expires_at is not None and now >= row.expires_at:
        # The sweep has not been here yet; no payment is started after the end all the same.
        return Face.EXPIRED
    if crypto.sending is not None:
        return Face.SEND
    return Face.CHOOSE if card.available or crypto.can_choose else Face.UNAVAILABLE


def _on_its_way(row: Any) -> bool:
    """Say whether the customer is done and the bank is not: a delayed way to pay."""
    return bool(row.session_state == SessionState.COMPLETE and row.payment_status == "unpaid")


def _card(row: Any, crypto: Crypto, *, cards_on: bool, now: dt.datetime) -> Card:
    if not cards_on:
        return Card(available=False, reason="Card payments are switched off at the moment.")
    if "CARD" not in row.methods:
        return Card(available=False, reason=f"{row.name} takes no cards for this link.")
    if not row.card_enabled:
        return Card(available=False, reason=f"{row.name} does not take cards at the moment.")
    if row.cards_paused_until and row.cards_paused_until > now:
        return Card(available=False, reason=_PAUSED, paused_until=row.cards_paused_until)
    if crypto.parts:
        return Card(available=False, reason=_REST)
    return Card(available=True, reason=None)


def _receipt(row: Any, crypto: Crypto) -> Receipt:
    by_hand = row.provider == Provider.MANUAL
    return Receipt(
        number=receipt_number(row.settlement_id),
        paid_at=row.settled_at,
        method=f"{row.asset} on Hedera"
        if crypto.settled
        else "Another way"
        if by_hand
        else method(row.provider, row.asset),
        # A mark's own id means nothing to a customer.
        reference="" if by_hand else row.provider_reference,
        refunded_minor=row.refunded_minor,
    )


def _notice(row: Any, crypto: Crypto, came: Came | None) -> Notice | None:
    if row.payment_status == "failed":
        return Notice(
            "warn",
            "Your payment did not arrive",
            "Your bank did not send it in the end. Nothing was charged; you can pay again below.",
        )
    if (row.held or row.session_state == SessionState.COMPLETE) and not (crypto.held or crypto.parts):
        # Paid, and yet the link is open: what arrived was not what was asked for, and is held as an exception.
        return Notice(
            "warn",
            "A payment has arrived already",
            f"Your money is safe, but it is not the amount asked for. {row.name} sees it; ask before you pay again.",
        )
    if row.session_state == SessionState.OPEN and row.decline_code:
        why = declines.reason(row.decline_code)
        return Notice(
            "warn",
            "Your card was declined",
            f"By your bank{f': {why}' if why else ''}. Nothing was charged; you can try again or use another card.",
        )
    # Why no card page was opened stands beside the card then.
    return NOTICES.get(came) if came and not (crypto.parts and came is Came.ENDED) else None
