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
    REFUNDS_REQUEST = "refunds.request"
    """ask for a refund; it is sent once somebody who may approve it says yes"""
    REFUNDS_APPROVE = "refunds.approve"
    XERO_MANAGE = "xero.manage"
    XERO_REPLAY = "xero.replay"
    CORRECTIONS_MAKE = "corrections.make"
    """decide about held money, mark links as paid by hand, and take that back"""
    SETTINGS_VIEW = "settings.view"
    SETTINGS_MANAGE = "settings.manage"
    PAYOUTS_MANAGE = "payouts.manage"


_EVERYONE = {Permission.LINKS_VIEW, Permission.MONEY_VIEW, Permission.SETTINGS_VIEW}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    # Where the money goes is the owner's to say, and nobody else's.
    Role.ADMIN: frozenset(Permission) - {Permission.PAYOUTS_MANAGE},
    Role.ACCOUNTANT: frozenset(
        _EVERYONE
        | {
            Permission.LEDGER_VIEW,
            Permission.LEDGER_MANAGE,
            Permission.REFUNDS_REQUEST,
            Permission.REFUNDS_APPROVE,
            Permission.XERO_REPLAY,
            Permission.CORRECTIONS_MAKE,
        }
    ),
    Role.OPERATOR: frozenset(_EVERYONE | {Permission.LINKS_MANAGE, Permission.REFUNDS_REQUEST}),
    Role.VIEWER: frozenset(_EVERYONE),
}


def allows(role: str, permission: Permission) -> bool:
    """Say whether a role carries a permission."""
    return permission in PERMISSIONS[Role(role)]


def roles_with(permission: Permission) -> list[str]:
    """Return the roles that carry a permission."""
    return [str(role) for role, carried in PERMISSIONS.items() if permission in carried]
