"""The exact documents a link would make in Xero, without calling anybody."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain.xero import Draft, PaymentDraft, SyncKind
from provvypay.services.xero import documents
from provvypay.services.xero.connections import Connection
from provvypay.services.xero.ground import Stop, Wait, ground


@dataclass(frozen=True, slots=True)
class Previewed:
    """One document, or why there is none."""

    kind: str
    draft: Draft | None
    amount_minor: int | None
    problem: str = ""
    detail: str = ""


def of_code(session: Session, organization_id: uuid.UUID, connection: Connection, code: str) -> list[Previewed] | None:
    """Return what the link of a short code would make; None when there is no such link, or nobody paid it."""
    row = session.execute(
        text("SELECT l.id, s.id AS settlement_id FROM payment_links l JOIN settlements s ON s.link_id = l.id"
             " AND s.voided_at IS NULL WHERE l.organization_id = :id AND l.short_code = :code"),
        {"id": organization_id, "code": code},
    ).one_or_none()  # fmt: skip
    if row is None:
        return None
    found = []
    for kind in (SyncKind.INVOICE, SyncKind.PAYMENT):
        try:
            of = ground(
                session, organization_id, connection_id=connection.id, link_id=row.id, source_id=row.settlement_id,
                chart=connection.chart, mapping=connection.mapping,
            )  # fmt: skip
            made = documents.draft(session, of, kind, row.settlement_id)
            amount = made.amount_minor if isinstance(made, PaymentDraft) else made.total_minor
            found.append(Previewed(kind, made, amount))
        except Wait as wait:
            found.append(Previewed(kind, None, None, wait.problem))
        except Stop as stop:
            found.append(Previewed(kind, None, None, stop.problem, stop.detail))
    return found
