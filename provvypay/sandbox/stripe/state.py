"""Everything the Stripe stand-in remembers: plain dicts in tables, as Stripe would render them."""

import secrets
import string
from dataclasses import asdict, dataclass, field
from typing import Any

from provvypay.sandbox.core import Core

API_VERSION = "2026-10-28.endive"
ACCOUNT_ID = "acct_1SandboxPr0vvyP4y"
TABLES = (
    "sessions",
    "line_items",
    "payment_intents",
    "payment_methods",
    "charges",
    "balance_transactions",
    "refunds",
    "disputes",
    "early_fraud_warnings",
    "events",
    "webhook_endpoints",
)
_ALPHABET = string.ascii_letters + string.digits


@dataclass
class StripeSettings:
    """What may be tuned through the control door. Times in seconds."""

    fee_delay_seconds: float = 2.0
    """From the charge to its balance transaction; Stripe itself takes about 3 s, at most an hour."""
    async_settle_after_seconds: float | None = None
    """From a bank debit to its success or failure; None: only when told."""
    redirect_wait_seconds: float = 3.0
    """How long the card page waits for the webhook's answer before it sends the payer back (Stripe: 10 s)."""
    delivery_timeout_seconds: float = 10.0
    retry_schedule_seconds: list[float] = field(default_factory=lambda: [1.0, 3.0, 10.0, 30.0, 60.0])
    """Waits before each further attempt to deliver an event; after the last one the delivery has failed."""
    refund_delay_seconds: float = 3.0
    """From a refund to what comes later of it: its bank reference, its success, or that it bounces."""
    dispute_delay_seconds: float = 3.0
    """From a charge with a test card made for it to its dispute, inquiry or early warning."""
    dispute_fee_minor: int = 1500
    """What Stripe takes for a dispute, in minor units of the settlement currency."""
    dispute_fee_returned: bool = False
    """Whether a won dispute brings its fee back."""
    country: str = "AU"
    default_currency: str = "aud"
    settlement_currencies: list[str] | None = None
    """Charges in other currencies are converted to the first of these; None: every currency settles as itself."""
    exchange_rates: dict[str, str] = field(default_factory=dict)
    """Settlement units per one unit of the charge's currency, by the charge's currency; else a built-in rate."""
    rate_limit_per_second: int | None = None


class StripeState:
    """The tables, the settings and what hangs on them. Every access holds the core's lock."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.settings = StripeSettings()
        self.tables: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in TABLES}
        self.notes: dict[str, dict[str, Any]] = {}
        """What the sandbox must know of an object beyond what Stripe shows, by the object's id."""
        self.deliveries: dict[str, dict[str, Any]] = {}
        self.by_event: dict[str, list[dict[str, Any]]] = {}
        """Every delivery of an event, by the event's id."""
        self.unfinished: dict[str, dict[str, Any]] = {}
        """The deliveries that are queued or being sent, so that nobody searches through all of them."""
        self.idempotency: dict[str, dict[str, Any]] = {}
        self.held = False
        """Whether deliveries wait until they are sent or released by hand."""
        self.recent_requests: list[float] = []

    def table(self, name: str) -> dict[str, dict[str, Any]]:
        """Return one table, by id in the order in which the objects were made."""
        return self.tables[name]

    def find(self, object_id: str) -> dict[str, Any] | None:
        """Return the object of this id, whatever it is."""
        return next((rows[object_id] for rows in self.tables.values() if object_id in rows), None)

    def put(self, table: str, item: dict[str, Any]) -> dict[str, Any]:
        """Store a new object and return it."""
        self.tables[table][item["id"]] = item
        self.core.touch()
        return item

    def dump(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "settings": asdict(self.settings),
            "tables": self.tables,
            "notes": self.notes,
            "deliveries": self.deliveries,
            "idempotency": {key: kept for key, kept in self.idempotency.items() if kept["status"] is not None},
            "held": self.held,
        }

    def load(self, data: dict[str, Any]) -> None:
        """Take over dumped data; what was being sent when it was written is sent again."""
        self.clear()
        if not data:
            return
        self.settings = StripeSettings(**data["settings"])
        for name in TABLES:
            self.tables[name] = data["tables"].get(name, {})
        self.notes, self.deliveries = data["notes"], data["deliveries"]
        self.idempotency, self.held = data["idempotency"], data["held"]
        for delivery in self.deliveries.values():
            if delivery["status"] == "sending":
                delivery["status"] = "queued"
            self.by_event.setdefault(delivery["event"], []).append(delivery)
            if delivery["status"] == "queued":
                self.unfinished[delivery["id"]] = delivery


def new_id(prefix: str, length: int = 24) -> str:
    """Return a fresh opaque identifier of Stripe's look."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))
