"""The exchange rate of the network: HBAR against US cents, one rate for this hour and one for the next.

Rates are pairs of whole numbers: so many cents are as much as so many HBAR. USD per HBAR is
cent_equivalent / hbar_equivalent / 100. The network publishes every hour; it prices network fees.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from provvypay.sandbox.coingecko import walk
from provvypay.sandbox.mirror_node.state import MirrorState

HOUR = 3600
HBAR_EQUIVALENT = 30_000
MOST_CENTS = 2**31 - 1
"""cent_equivalent is an int32."""


def answer(state: MirrorState) -> dict[str, Any]:
    """Return the answer's body: the rate in force, the one after it, and when they were published."""
    switches = state.switches
    now = state.core.clock.now()
    hour = now // HOUR * HOUR
    ends = {"none": hour + HOUR, "current": now - 1, "both": now - HOUR - 1}[switches.expired]
    dollars = Decimal(switches.usd_per_hbar) if switches.usd_per_hbar else market(state)
    after = Decimal(switches.next_usd_per_hbar) if switches.next_usd_per_hbar else dollars
    published = min(hour, ends - HOUR)
    return {
        "current_rate": _rate(dollars, ends),
        "next_rate": _rate(after, ends + HOUR),
        "timestamp": f"{published}.453054000",
    }


def market(state: MirrorState) -> Decimal:
    """Return what CoinGecko's stand-in says of HBAR, so that the two sources agree until somebody parts them."""
    return walk.price(state.market, "hedera-hashgraph", "usd")


def _rate(dollars: Decimal, ends: int) -> dict[str, int]:
    cents = int((dollars * 100 * HBAR_EQUIVALENT).to_integral_value(rounding=ROUND_HALF_UP))
    return {
        "cent_equivalent": min(max(cents, 1), MOST_CENTS),
        "hbar_equivalent": HBAR_EQUIVALENT,
        "expiration_time": ends,
    }
