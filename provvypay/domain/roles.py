"""Who may do what in an organization (docs/reference/roles.md)."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A member's role."""

    OWNER = "OWNER"
    ADMIN = "ADMIN"
    ACCOUNTANT = "ACCOUNTANT"
    OPERATOR = "OPERATOR"
    VIEWER = "VIEWER"


class Permission(StrEnum):
    """A thing a member may be allowed to do."""

    LINKS_VIEW = "links.view"
    LINKS_MANAGE = "links.manage"
    MONEY_VIEW = "money.view"
    LEDGER_VIEW = "ledger.view"
    LEDGER_MANAGE = "ledger.manage"
    SETTINGS_VIEW = "settings.view"
    SETTINGS_MANAGE = "settings.manage"


_EVERYONE = {Permission.LINKS_VIEW, Permission.MONEY_VIEW, Permission.SETTINGS_VIEW}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset(Permission),
    Role.ACCOUNTANT: frozenset(_EVERYONE | {Permission.LEDGER_VIEW, Permission.LEDGER_MANAGE}),
    Role.OPERATOR: frozenset(_EVERYONE | {Permission.LINKS_MANAGE}),
    Role.VIEWER: frozenset(_EVERYONE),
}


def allows(role: str, permission: Permission) -> bool:
    """Say whether a role carries a permission."""
    return permission in PERMISSIONS[Role(role)]
