"""Faults a person or a test switches on: what goes wrong, where, and how often.

A fault is scoped by vendor, by a pattern on the path (or, for webhooks, on the event's type) and by
how often it still strikes. Nothing here knows how a vendor words its errors.
"""

import fnmatch
import secrets
from dataclasses import asdict, dataclass, field
from typing import Any

REQUEST_KINDS: dict[str, dict[str, Any]] = {
    "error": {"status": 500, "stored": None, "html": False},
    "error_after_commit": {"status": 500, "stored": None, "html": False},
    "drop": {},
    "drop_after_commit": {},
    "slow": {"seconds": 2.0},
    "slow_after_commit": {"seconds": 2.0},
    "rate_limit": {"retry_after": None, "reason": "global-rate", "status": 429},
    "unauthorized": {"code": 10002},
    "forbidden": {},
}
WEBHOOK_KINDS: dict[str, dict[str, Any]] = {
    "webhook_duplicate": {"times": 2},
    "webhook_shuffle": {"window_seconds": 0.5},
    "webhook_delay": {"seconds": 2.0},
    "webhook_drop": {},
    "no_fee": {"seconds": 60},
    "refund_pending": {"reason": "processing"},
}
XERO_KINDS: dict[str, dict[str, Any]] = {
    "token_expired": {},
    "tenant_refused": {},
    "validation": {"message": "A validation exception occurred"},
    "offline": {"message": "The Organisation is offline"},
    "oauth_error": {"word": "invalid_grant"},
}
KINDS = REQUEST_KINDS | WEBHOOK_KINDS | XERO_KINDS
VENDORS = ("stripe", "coingecko", "mirror_node", "xero")
ONLY_FOR = {
    **dict.fromkeys(XERO_KINDS, "xero"),
    "unauthorized": "coingecko",
    "forbidden": "coingecko",
    **dict.fromkeys(WEBHOOK_KINDS, "stripe"),
}


class UnknownFault(ValueError):
    """The description of a fault names a vendor, kind or option that does not exist."""


@dataclass
class Fault:
    """One switched-on fault."""

    id: str
    vendor: str
    kind: str
    pattern: str = "*"
    """Shell pattern on the path below the vendor's base address, or on the event's type."""
    method: str | None = None
    remaining: int | None = None
    """How many times it still strikes; None means until it is switched off."""
    options: dict[str, Any] = field(default_factory=dict)

    def option(self, name: str) -> Any:
        """Return an option's value, or the default of the fault's kind."""
        return self.options.get(name, KINDS[self.kind][name])


@dataclass
class FaultBoard:
    """All faults that are switched on. Guarded by the core's lock."""

    faults: list[Fault] = field(default_factory=list)

    def add(self, description: dict[str, Any]) -> Fault:
        """Switch a fault on.

        :raises UnknownFault: and switches nothing on
        """
        given = dict(description)
        vendor, kind = given.pop("vendor", "stripe"), given.pop("kind", None)
        if vendor not in VENDORS:
            raise UnknownFault(f"vendor must be one of {', '.join(VENDORS)}")
        if kind not in KINDS:
            raise UnknownFault(f"kind must be one of {', '.join(KINDS)}")
        if ONLY_FOR.get(kind, vendor) != vendor:
            raise UnknownFault(f"{kind} exists only for {ONLY_FOR[kind]}")
        pattern, method = str(given.pop("pattern", "*")), given.pop("method", None)
        remaining = given.pop("remaining", None)
        if remaining is not None and (not isinstance(remaining, int) or remaining < 1):
            raise UnknownFault("remaining must be a whole number above zero, or null")
        if unknown := set(given) - set(KINDS[kind]):
            raise UnknownFault(f"{kind} has no option {', '.join(sorted(unknown))}")
        fault = Fault(f"fault_{secrets.token_hex(4)}", vendor, kind, pattern, method, remaining, given)
        self.faults.append(fault)
        return fault

    def remove(self, fault_id: str | None = None) -> int:
        """Switch one fault off, or all of them, and return how many there were."""
        before = len(self.faults)
        self.faults = [] if fault_id is None else [fault for fault in self.faults if fault.id != fault_id]
        return before - len(self.faults)

    def take(
        self, vendor: str, kinds: tuple[str, ...], subject: str, method: str = "", owner: str = ""
    ) -> dict[str, Fault]:
        """Return the faults that strike here, by kind, and count them down.

        :param subject: path below the vendor's base address, or an event's type
        :param owner: whose call it is; a pattern may name it before the path
        """
        struck: dict[str, Fault] = {}
        for fault in list(self.faults):
            if (
                fault.kind not in kinds
                or fault.kind in struck
                or not _matches(fault, vendor, (subject, owner + subject), method)
            ):
                continue
            struck[fault.kind] = fault
            if fault.remaining is not None:
                fault.remaining -= 1
                if fault.remaining == 0:
                    self.faults.remove(fault)
        return struck

    def dump(self) -> list[dict[str, Any]]:
        """Return every fault as plain data."""
        return [asdict(fault) for fault in self.faults]

    def load(self, entries: list[dict[str, Any]]) -> None:
        """Replace the faults by dumped ones."""
        self.faults = [Fault(**entry) for entry in entries]


def _matches(fault: Fault, vendor: str, subjects: tuple[str, str], method: str) -> bool:
    fits = any(fnmatch.fnmatchcase(subject, fault.pattern) for subject in subjects)
    return fits and fault.vendor == vendor and fault.method in (None, method)
