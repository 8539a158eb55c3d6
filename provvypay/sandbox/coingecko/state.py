"""What the CoinGecko stand-in remembers: the coins, and everything a person can do to their prices."""

from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from provvypay.sandbox.core import Core


@dataclass(frozen=True, slots=True)
class Coin:
    """A coin and where its price wanders."""

    symbol: str
    name: str
    unit: str
    """What its anchor is quoted in."""
    anchor: Decimal
    swing: Decimal
    """The walk stays within this part of the anchor, up and down."""


COINS: dict[str, Coin] = {
    "hedera-hashgraph": Coin("hbar", "Hedera", "usd", Decimal("0.18"), Decimal("0.03")),
    "usd-coin": Coin("usdc", "USDC", "usd", Decimal(1), Decimal("0.0008")),
    "tether": Coin("usdt", "Tether", "usd", Decimal(1), Decimal("0.001")),
    "novatti-australian-digital-dollar": Coin(
        "audd", "Novatti Australian Digital Dollar", "aud", Decimal(1), Decimal("0.0015")
    ),
    "bitcoin": Coin("btc", "Bitcoin", "usd", Decimal(75_818), Decimal("0.02")),
}


@dataclass
class GeckoSwitches:
    """What a person has switched; all of it is plain data."""

    seed: int = 7
    plan: str = "demo"
    """Whose host the sandbox plays: demo (keyless calls too) or pro."""
    require_key: bool = False
    """Refuse keyless calls on the demo host as well."""
    prices: dict[str, dict[str, str]] = field(default_factory=dict)
    """Fixed prices by coin and currency; a coin's other prices follow the first one of it."""
    depeg: dict[str, str] = field(default_factory=dict)
    """Factor on a coin's price, such as 0.95."""
    frozen_at: float | None = None
    """Prices and their age stand still since this moment (sandbox time); None: they move."""
    missing_coins: list[str] = field(default_factory=list)
    missing_currencies: list[str] = field(default_factory=list)
    null_coins: list[str] = field(default_factory=list)


class GeckoState:
    """The switches and the core they hang on. Every access holds the core's lock."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.switches = GeckoSwitches()

    def clear(self) -> None:
        """Put every switch back."""
        self.switches = GeckoSwitches()

    def dump(self) -> dict[str, Any]:
        """Return the switches as plain data."""
        return asdict(self.switches)

    def load(self, data: dict[str, Any]) -> None:
        """Take over dumped switches."""
        self.clear()
        self.switches = GeckoSwitches(**data)
