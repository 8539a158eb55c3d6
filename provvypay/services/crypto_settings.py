"""What an organization chose about crypto: whether at all, in which tokens, and how exactly amount and time count."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass

from sqlalchemy import update
from sqlalchemy.orm import Session

from provvypay.domain.assets import ASSETS
from provvypay.errors import Conflict, Invalid
from provvypay.kit.clock import now
from provvypay.kit.db import changed
from provvypay.models.organization import MerchantSettings
from provvypay.services import audit, organizations

MOST_TOLERANCE_BP = 500
LONGEST_WINDOW = 24 * 3600
SHORTEST_GRACE, LONGEST_GRACE = 60, 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class CryptoChoices:
    """One organization's choices."""

    enabled: bool
    accepted_assets: tuple[str, ...]
    """in the order of domain/assets.py"""
    hbar_tolerance_bp: int
    """how much may be missing when HBAR is paid, in hundredths of a percent"""
    token_tolerance_bp: int
    """the same for stablecoins"""
    quote_window_seconds: int
    """how long a quote holds; 0: for the link's life, at the rate of its creation"""
    late_grace_seconds: int | None
    """late money this young settles by itself; None: never"""


def read(session: Session, organization_id: uuid.UUID) -> tuple[CryptoChoices, int]:
    """Return an organization's choices and their version."""
    row = organizations.settings_of(session, organization_id)
    chosen = CryptoChoices(
        enabled=row.crypto_enabled,
        accepted_assets=tuple(asset for asset in ASSETS if asset in row.accepted_assets),
        hbar_tolerance_bp=row.hbar_tolerance_bp,
        token_tolerance_bp=row.token_tolerance_bp,
        quote_window_seconds=row.quote_window_seconds,
        late_grace_seconds=row.late_grace_seconds,
    )
    return chosen, row.version


def change(
    session: Session, organization_id: uuid.UUID, chosen: CryptoChoices, *, version: int, actor: audit.Actor
) -> None:
    """Save an organization's choices. Quotes already given keep what they were given with.

    :param version: of the settings, as the person saw them
    :raises Invalid: for a choice that cannot be
    :raises Conflict: when somebody changed them since
    """
    _check(chosen)
    before, _ = read(session, organization_id)
    saved = session.execute(
        update(MerchantSettings)
        .where(MerchantSettings.organization_id == organization_id, MerchantSettings.version == version)
        .values(
            crypto_enabled=chosen.enabled,
            accepted_assets=list(chosen.accepted_assets),
            hbar_tolerance_bp=chosen.hbar_tolerance_bp,
            token_tolerance_bp=chosen.token_tolerance_bp,
            quote_window_seconds=chosen.quote_window_seconds,
            late_grace_seconds=chosen.late_grace_seconds,
            version=version + 1,
            updated_at=now(),
        )
    )
    if not changed(saved):
        raise Conflict(f"settings of organization {organization_id} are no longer version {version}")
    was, became = asdict(before), asdict(chosen)
    differing = [name for name in became if was[name] != became[name]]
    audit.record(
        session,
        "crypto.changed",
        actor,
        organization_id=organization_id,
        subject_type="organization",
        subject_id=str(organization_id),
        before={name: was[name] for name in differing},
        after={name: became[name] for name in differing},
    )


def _check(chosen: CryptoChoices) -> None:
    problems: dict[str, str] = {}
    if not set(chosen.accepted_assets) <= set(ASSETS) or (chosen.enabled and not chosen.accepted_assets):
        problems["accepted"] = "Choose at least one token, or switch crypto off."
    for name in ("hbar_tolerance_bp", "token_tolerance_bp"):
        if not 0 <= getattr(chosen, name) <= MOST_TOLERANCE_BP:
            problems[name.removesuffix("_bp")] = "Enter a percentage from 0 to 5."
    if not 0 <= chosen.quote_window_seconds <= LONGEST_WINDOW:
        problems["quote_window"] = "Choose how long a quote holds: at most a day, or the link’s life."
    if chosen.late_grace_seconds is not None and not SHORTEST_GRACE <= chosen.late_grace_seconds <= LONGEST_GRACE:
        problems["late_grace"] = "Choose how long after its end a link may still be paid: at most 30 days."
    if problems:
        raise Invalid(problems)
