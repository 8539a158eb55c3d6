"""Keep the four tokens' rates with a link when it is made, and with its settlement; a missing rate is a row too."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from provvypay.domain.assets import ASSETS
from provvypay.domain.rate_rules import fresh
from provvypay.domain.rates import RateTable
from provvypay.kit.ids import uuid7
from provvypay.models.fx import FxSnapshot


def rows(
    rates: RateTable,
    *,
    kind: str,
    link_id: uuid.UUID,
    currency: str,
    now: dt.datetime,
    settlement_id: uuid.UUID | None = None,
) -> list[dict[str, object]]:
    """Return one row per token: OK with its evidence, or UNAVAILABLE.

    A rate that is too old is no rate of this moment. That of a paused token is one: paused says that we do not sell at
    it, not that it was not so.

    :param rates: fetched before the transaction; may be empty
    """
    found: list[dict[str, object]] = []
    for asset in ASSETS:
        rate = fresh(rates, asset, currency, now)
        found.append(
            {
                "id": uuid7(),
                "link_id": link_id,
                "settlement_id": settlement_id,
                "kind": kind,
                "asset": asset,
                "currency": currency,
                "state": "OK" if rate else "UNAVAILABLE",
                "rate": rate.value if rate else None,
                "source": rate.source if rate else None,
                "as_of": rate.as_of if rate else None,
                "fetched_at": rate.fetched_at if rate else None,
                "made_from": rate.made_from if rate else "",
            }
        )
    return found


def record_creation(
    session: Session,
    organization_id: uuid.UUID,
    link_id: uuid.UUID,
    currency: str,
    rates: RateTable,
    *,
    now: dt.datetime,
) -> None:
    """Write the CREATION snapshots of a new link. Never fails because a rate source is down."""
    session.execute(
        insert(FxSnapshot),
        [
            {**row, "organization_id": organization_id}
            for row in rows(rates, kind="CREATION", link_id=link_id, currency=currency, now=now)
        ],
    )


def fill(session: Session, *, most: int) -> int:
    """Fill in missing rates that were known after all, across organizations; return how many.

    Only a rate that was so within 15 minutes of the snapshot says something about it (fill_snapshots() in
    migrations/sql/0005_rate_sources.sql). What has none within two days stays UNAVAILABLE for good.
    """
    found: int = session.scalar(text("SELECT fill_snapshots(:most)"), {"most": most}) or 0
    return found
