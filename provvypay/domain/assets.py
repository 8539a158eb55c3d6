"""The four tokens customers may pay with, and the arithmetic between them and money."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from provvypay.domain.currencies import digits_of


@dataclass(frozen=True, slots=True)
class Asset:
    """A token as the product knows it; its ids per network belong to the asset registry."""

    code: str
    name: str
    decimals: int
    """digits of the smallest unit: 8 for HBAR (tinybar), 6 for the stablecoins"""
    coingecko_id: str
    """ids, never symbols: fake tokens share symbols"""
    peg: str | None
    """the currency a stablecoin follows; None for HBAR"""
    account_code: str
    """its clearing account in the chart"""
    fresh_seconds: int
    """how old the vendor's own figure may be"""


ASSETS: dict[str, Asset] = {
    asset.code: asset
    for asset in (
        Asset("HBAR", "HBAR", 8, "hedera-hashgraph", None, "1051", 600),
        Asset("USDC", "USDC", 6, "usd-coin", "USD", "1052", 3600),
        Asset("USDT", "USDT", 6, "tether", "USD", "1053", 3600),
        Asset("AUDD", "AUDD", 6, "novatti-australian-digital-dollar", "AUD", "1054", 3600),
    )
}


def tokens_due(amount_minor: int, currency: str, rate: Decimal, asset: Asset) -> int:
    """Return how many smallest units of the token pay this amount, rounded up.

    :param amount_minor: minor units of `currency`, e.g. 12050 for AUD 120.50
    :param rate: currency per one whole token
    :returns: tinybars for HBAR, else 10**-6 of one token
    :raises ValueError: for a rate that is not positive
    Source: docs/explanation/money-and-fx.md, "Why we round up"
    """
    if not rate > 0:
        raise ValueError(f"a rate must be positive, not {rate}")
    # In whole numbers: a division of decimals would be rounded at its last digit, and might be rounded down.
    above, below = rate.as_integer_ratio()
    units: int = -(-amount_minor * 10**asset.decimals * below // (10 ** digits_of(currency) * above))
    return units


def tokens_worth(amount_minor: int, currency: str, rate: Decimal, asset: Asset) -> int:
    """Return how many smallest units of the token this amount buys, rounded down; may be 0.

    :param amount_minor: minor units of `currency`
    :param rate: currency per one whole token
    :raises ValueError: for a rate that is not positive
    Source: docs/explanation/refunds-and-disputes.md, "A refund in tokens"
    """
    if not rate > 0:
        raise ValueError(f"a rate must be positive, not {rate}")
    above, below = rate.as_integer_ratio()
    units: int = amount_minor * 10**asset.decimals * below // (10 ** digits_of(currency) * above)
    return units


def share_of_tokens(asset_amount: int, value_minor: int, amount_minor: int) -> int:
    """Return which part of a payment's tokens a part of its value is, rounded down; all of it is all of them.

    :param asset_amount: smallest units that came, worth `value_minor` when they did
    """
    return asset_amount * amount_minor // value_minor
