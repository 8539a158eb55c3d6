"""What the mirror node's stand-in remembers: everything a person can do to the exchange rate of the network."""

from dataclasses import asdict, dataclass
from typing import Any

from provvypay.sandbox.coingecko.state import GeckoState
from provvypay.sandbox.core import Core


@dataclass
class MirrorSwitches:
    """What a person has switched; all of it is plain data."""

    usd_per_hbar: str | None = None
    """The network's rate, such as 0.0713; None: it follows the market, which is CoinGecko's stand-in."""
    next_usd_per_hbar: str | None = None
    """The rate of the hour after; None: the same."""
    expired: str = "none"
    """Which rates have passed their time: none, current, or both."""
    missing: bool = False
    """The network has no rate: 404, as one network had for a while."""


class MirrorState:
    """The switches, the core they hang on, and the market the rate follows. Every access holds the core's lock."""

    def __init__(self, core: Core, market: GeckoState) -> None:
        self.core = core
        self.market = market
        self.switches = MirrorSwitches()

    def clear(self) -> None:
        """Put every switch back."""
        self.switches = MirrorSwitches()

    def dump(self) -> dict[str, Any]:
        """Return the switches as plain data."""
        return asdict(self.switches)

    def load(self, data: dict[str, Any]) -> None:
        """Take over dumped switches."""
        self.switches = MirrorSwitches(**data)
