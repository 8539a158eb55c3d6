"""Read the rates kept with a link, as its page shows them."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain.assets import ASSETS
from provvypay.domain.rates import SOURCE_NAMES
from provvypay.services.fx.offers import span


@dataclass(frozen=True, slots=True)
class RateRow:
    """One token's rates of a link, as text with all their digits: currency per one whole token."""

    asset: str
    creation_rate: str | None
    creation_state: str | None
    """None for a draft: its rates are kept when it is opened"""
    creation_source: str | None
    creation_at: dt.datetime | None
    settlement_rate: str | None
    settlement_state: str | None
    """None while the link is not paid"""
    settlement_source: str | None
    settlement_at: dt.datetime | None
    creation_age: str | None = None
    """how old the rate was then, such as `40 seconds old`"""
    settlement_age: str | None = None
    creation_made_from: str = ""
    """what a cross rate was made from"""
    settlement_made_from: str = ""


# Two branches, because each kind has its own index.
_RATES = text("""
    SELECT kind, asset, state, rate, source, as_of, made_from, created_at FROM fx_snapshots
    WHERE organization_id = :org AND kind = 'CREATION' AND link_id = :id
    UNION ALL
    SELECT x.kind, x.asset, x.state, x.rate, x.source, x.as_of, x.made_from, x.created_at
    FROM settlements s JOIN fx_snapshots x ON x.settlement_id = s.id AND x.organization_id = s.organization_id
    WHERE s.organization_id = :org AND s.link_id = :id AND s.voided_at IS NULL AND x.kind = 'SETTLEMENT'
""")


def of_link(session: Session, organization_id: uuid.UUID, link_id: uuid.UUID) -> list[RateRow]:
    """Return what each token was worth when the link was made and when it was paid; a missing rate is a row too."""
    found = {(r.kind, r.asset): r for r in session.execute(_RATES, {"org": organization_id, "id": link_id})}
    rows: list[RateRow] = []
    for asset in ASSETS:
        made, paid = found.get(("CREATION", asset)), found.get(("SETTLEMENT", asset))
        rows.append(
            RateRow(
                asset=asset,
                creation_rate=_rate(made),
                creation_state=made.state if made else None,
                creation_source=_source(made),
                creation_at=made.as_of if made else None,
                settlement_rate=_rate(paid),
                settlement_state=paid.state if paid else None,
                settlement_source=_source(paid),
                settlement_at=paid.as_of if paid else None,
                creation_age=_age(made),
                settlement_age=_age(paid),
                creation_made_from=made.made_from if made else "",
                settlement_made_from=paid.made_from if paid else "",
            )
        )
    return rows


def _rate(row: Any) -> str | None:
    return exact(row.rate) if row is not None and row.rate is not None else None


def _source(row: Any) -> str | None:
    return SOURCE_NAMES.get(row.source, row.source) if row is not None and row.source else None


def _age(row: Any) -> str | None:
    """Say how old a rate was when it was kept; one that was filled in may be from shortly after."""
    if row is None or row.as_of is None:
        return None
    passed = row.created_at - row.as_of
    return f"{span(passed)} old" if passed >= dt.timedelta() else f"from {span(-passed)} later"


def exact(rate: Decimal) -> str:
    """Return a rate with all the digits it has and no empty ones: 0.287410000000000000 → 0.28741."""
    return f"{rate.normalize():f}"
