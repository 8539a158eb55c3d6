"""The registry of tokens in the database: what is configured, and what the mirror node said of each.

A token that was taken out of the setting stays as a row: money in it is still recognized. What the mirror node could
not be asked about stays as it was.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from provvypay.domain.assets import ASSETS
from provvypay.domain.hedera_assets import NATIVE, RegistryEntry
from provvypay.models.hedera import HederaAsset

OK, MISMATCH, UNCHECKED = "OK", "MISMATCH", "UNCHECKED"


@dataclass(frozen=True, slots=True)
class AssetView:
    """One token as pages show it."""

    asset: str
    entity_id: str
    kind: str
    symbol: str
    decimals: int
    is_configured: bool
    state: str
    detail: str
    checked_at: dt.datetime | None


def put_in_place(session: Session, network: str, entries: Sequence[RegistryEntry], *, now: dt.datetime) -> None:
    """Make the network's configured rows equal the registry; a row that changed waits to be checked again.

    HBAR is the network's own: there is nothing to check.
    """
    session.execute(
        update(HederaAsset)
        .where(HederaAsset.network == network, HederaAsset.entity_id.not_in([entry.entity_id for entry in entries]))
        .where(HederaAsset.is_configured)
        .values(is_configured=False)
    )
    for entry in entries:
        is_native = entry.kind == NATIVE
        row = {"asset": entry.asset, "kind": entry.kind, "symbol": entry.symbols[0], "decimals": entry.decimals}
        checked = {"state": OK if is_native else UNCHECKED, "detail": "", "checked_at": now if is_native else None}
        statement = insert(HederaAsset).values(network=network, entity_id=entry.entity_id, **row, **checked)
        same = [getattr(HederaAsset, name) == value for name, value in row.items()]
        session.execute(statement.on_conflict_do_nothing(index_elements=["network", "entity_id"]))
        mine = (HederaAsset.network == network, HederaAsset.entity_id == entry.entity_id)
        session.execute(update(HederaAsset).where(*mine, ~HederaAsset.is_configured).values(is_configured=True))
        for column in same:
            session.execute(update(HederaAsset).where(*mine, ~column).values(**row, **checked))


@dataclass(frozen=True, slots=True)
class Found:
    """What the mirror node said of one token."""

    differs: str
    """in words; empty when it is as it must be"""
    unknown: str = ""
    """what it did not say, in words"""


def write_down(session: Session, network: str, found: Mapping[str, Found], *, now: dt.datetime) -> list[str]:
    """Keep what was found, by id; return the sentences about differences that are new.

    :param found: only of those the mirror node answered about
    """
    new: list[str] = []
    for entity_id, one in found.items():
        sentence = one.differs
        row = session.scalar(
            select(HederaAsset).where(HederaAsset.network == network, HederaAsset.entity_id == entity_id)
        )
        if row is None:
            continue
        if sentence and row.detail != sentence:
            new.append(sentence)
        row.state, row.detail, row.checked_at = (MISMATCH if sentence else OK), sentence or one.unknown, now
    session.flush()
    return new


def views(session: Session, network: str) -> list[AssetView]:
    """Return all tokens of a network, the configured ones first, in the order they are offered in."""
    rows = session.scalars(
        select(HederaAsset)
        .where(HederaAsset.network == network)
        .order_by(HederaAsset.is_configured.desc(), HederaAsset.entity_id)
    )
    found = [
        AssetView(
            row.asset, row.entity_id, row.kind, row.symbol, row.decimals, row.is_configured, row.state, row.detail,
            row.checked_at,
        )
        for row in rows
    ]  # fmt: skip
    order = list(ASSETS)
    return sorted(found, key=lambda one: (not one.is_configured, order.index(one.asset)))


def entries(session: Session, network: str) -> list[RegistryEntry]:
    """Return the configured tokens as the registry knows them, whatever their state."""
    return [
        RegistryEntry(one.asset, one.kind, one.entity_id, (one.symbol,))
        for one in views(session, network)
        if one.is_configured
    ]


def troubles(session: Session, network: str) -> list[str]:
    """Return what differs of the configured tokens, in words: none of those is offered."""
    return [one.detail for one in views(session, network) if one.is_configured and one.state == MISMATCH]
