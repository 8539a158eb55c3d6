"""What the mirror node's stand-in remembers: the ledger behind it, its settings, and the switches of the rate."""

from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

from provvypay.sandbox.coingecko.state import GeckoState
from provvypay.sandbox.core import Core
from provvypay.sandbox.mirror_node import ids, seed
from provvypay.sandbox.mirror_node.records import Record, Records
from provvypay.sandbox.mirror_node.world import World

FIRST_NEW_ENTITY = 5_900_000
MOST_REQUESTS = 100_000


@dataclass
class MirrorSwitches:
    """What a person has switched of the exchange rate; all of it is plain data."""

    usd_per_hbar: str | None = None
    """The network's rate, such as 0.0713; None: it follows the market, which is CoinGecko's stand-in."""
    next_usd_per_hbar: str | None = None
    """The rate of the hour after; None: the same."""
    expired: str = "none"
    """Which rates have passed their time: none, current, or both."""
    missing: bool = False
    """The network has no rate: 404, as one network had for a while."""


@dataclass
class MirrorSettings:
    """What may be tuned of the ledger and the mirror node."""

    network: str = "testnet"
    """Whose ids USDC, USDT and AUDD mean in wishes; ids of both networks are served always."""
    lag_seconds: float = 0.0
    """How far the mirror node's head is behind the clock."""
    stalled: bool = False
    """The head stands still: nothing new is shown, however late it gets."""
    window_days: int = 60
    """How long a span lists cover at most; 0: any."""
    fee_style: str = "single"
    """single: 0.0.802 takes the whole fee; split: several share it, as in older records."""
    rate_limit_per_second: int | None = None
    """429 beyond so many calls within a second of the machine's time."""
    retry_after: int | None = None
    """Seconds named by those 429s; None: they name none."""


class MirrorState:
    """Everything, and the core it hangs on. Every access holds the core's lock."""

    def __init__(self, core: Core, market: GeckoState) -> None:
        self.core = core
        self.market = market
        self.clear()

    def clear(self) -> None:
        """Begin anew: the seeded accounts, no transaction, every switch back."""
        self.switches = MirrorSwitches()
        self.settings = MirrorSettings()
        self.world = seed.world()
        self.records = Records()
        self.credits: list[dict[str, Any]] = []
        """Every amount an account really received, in the order of execution: the truth to compare books with."""
        self.airdrops: dict[str, dict[str, Any]] = {}
        """Pending airdrops by a name of the sandbox's own."""
        self.next_entity = FIRST_NEW_ENTITY
        self.typed: dict[str, str] = {}
        """What a person typed at the console last."""
        self.floor = 0
        """A moment the head never falls behind: where it was when the lag was switched on."""
        self.forget_requests()

    def forget_requests(self) -> None:
        """Start counting requests anew."""
        self.requests: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.request_times: deque[float] = deque(maxlen=MOST_REQUESTS)

    def now(self) -> int:
        """Return the sandbox's time in nanoseconds."""
        return self.core.clock.nanos()

    def head(self) -> int:
        """Return the consensus time up to which the mirror node has got."""
        now = self.now()
        behind = 0 if self.settings.stalled else now - int(self.settings.lag_seconds * ids.NANOS)
        return min(max(self.floor, behind), now)

    def shows(self, record: Record, head: int, now: int) -> bool:
        """Whether the mirror node has a record already."""
        return record.at <= head and record.visible_from <= now

    def new_entity(self) -> int:
        """Return the number of a new entity."""
        self.next_entity += 1
        return self.next_entity

    def dump(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "switches": asdict(self.switches),
            "settings": asdict(self.settings),
            "world": self.world.dump(),
            "records": [vars(record) for record in self.records.by_time.values()],
            "credits": self.credits,
            "airdrops": self.airdrops,
            "next_entity": self.next_entity,
            "floor": self.floor,
        }

    def load(self, data: dict[str, Any]) -> None:
        """Take over dumped data."""
        self.clear()
        if not data:
            return
        if "switches" not in data:
            # A snapshot from before there was a ledger: the switches of the rate were all there was.
            self.switches = MirrorSwitches(**data)
            return
        self.switches = MirrorSwitches(**data["switches"])
        self.settings = MirrorSettings(**data["settings"])
        self.world = World.loaded(data["world"])
        for row in data["records"]:
            record = Record(**row)
            self.records.add(record, {log["num"] for log in record.logs})
        self.credits, self.airdrops = data["credits"], data["airdrops"]
        self.next_entity, self.floor = data["next_entity"], data["floor"]
