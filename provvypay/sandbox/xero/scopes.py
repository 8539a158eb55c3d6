"""What a consent may ask for, and which scope opens which endpoint.

Granular scopes since March 2026; an app made before may still ask for the broad ones.
"""

OPEN = frozenset({"openid", "profile", "email", "offline_access"})
GRANULAR = frozenset(
    name + ending
    for name in (
        "accounting.invoices", "accounting.payments", "accounting.banktransactions", "accounting.manualjournals",
        "accounting.contacts", "accounting.settings", "accounting.attachments",
    )
    for ending in ("", ".read")
)  # fmt: skip
BROAD = {"accounting.transactions": frozenset(
    {"accounting.invoices", "accounting.payments", "accounting.banktransactions", "accounting.manualjournals"}
)}  # fmt: skip
WORDS = {
    "offline_access": "Stay connected while you are away",
    "accounting.invoices": "View and manage your invoices and credit notes",
    "accounting.payments": "View and manage your payments",
    "accounting.banktransactions": "View and manage your bank transactions",
    "accounting.manualjournals": "View and manage your manual journals",
    "accounting.contacts": "View and manage your contacts",
    "accounting.settings": "View and manage your organisation settings",
    "accounting.settings.read": "View your organisation settings",
    "openid": "Know who you are",
    "profile": "View your name",
    "email": "View your e-mail address",
}
NEEDED = {
    "invoices": ("accounting.invoices",),
    "creditnotes": ("accounting.invoices",),
    "payments": ("accounting.payments",),
    "overpayments": ("accounting.payments", "accounting.banktransactions"),
    "banktransactions": ("accounting.banktransactions",),
    "manualjournals": ("accounting.manualjournals",),
    "contacts": ("accounting.contacts",),
    "items": ("accounting.settings", "accounting.invoices"),
    "accounts": ("accounting.settings",),
    "taxrates": ("accounting.settings",),
    "currencies": ("accounting.settings",),
    "brandingthemes": ("accounting.settings",),
    "trackingcategories": ("accounting.settings",),
    "organisation": ("accounting.settings",),
}
"""Scopes by the first word of the path, small letters; any of them opens it."""


def unknown(asked: list[str], *, broad: bool) -> list[str]:
    """Return which of the asked scopes the app may not have.

    :param broad: whether it is an app of before March 2026
    """
    allowed = OPEN | GRANULAR
    if broad:
        allowed |= {name + ending for name in BROAD for ending in ("", ".read")}
    return [name for name in asked if name not in allowed]


def opens(granted: list[str], resource: str, *, writing: bool) -> bool:
    """Say whether the granted scopes open an endpoint."""
    held = set(granted)
    for name, parts in BROAD.items():
        held |= parts if name in held else set()
        held |= {part + ".read" for part in parts} if name + ".read" in held else set()
    needed = NEEDED.get(resource, ())
    return not needed or any(name in held or (not writing and name + ".read" in held) for name in needed)
