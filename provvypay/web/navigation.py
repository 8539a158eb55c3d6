"""What the merchant's navigation shows; read from the database only when a page draws it, never for a fragment."""

from __future__ import annotations

from functools import cached_property

from flask import Flask, g, request
from flask_login import current_user
from werkzeug.local import LocalProxy

from provvypay.domain.roles import Permission
from provvypay.kit import clock
from provvypay.kit.db import transaction
from provvypay.kit.settings import settings
from provvypay.services import organizations, overview
from provvypay.web.guards import current_org


class Navigation:
    """The values of the navigation, each found when first asked for."""

    @property
    def section(self) -> str:
        """The part of the product this page belongs to."""
        found = (request.blueprint or "").removeprefix("payment_")
        return "settings" if found.startswith("xero") else found

    @property
    def ledger(self) -> bool:
        """Whether the member may look into the books."""
        return bool(current_org) and current_org.allows(Permission.LEDGER_VIEW)

    @property
    def can_create_links(self) -> bool:
        """Whether the member may make links."""
        return bool(current_org) and current_org.allows(Permission.LINKS_MANAGE)

    @property
    def can_change_settings(self) -> bool:
        """Whether the member may change what the organization has chosen."""
        return bool(current_org) and current_org.allows(Permission.SETTINGS_MANAGE)

    @cached_property
    def _found(self) -> tuple[overview.Badges, list[organizations.MembershipView]]:
        """Read everything at once: a page needs all of it, a fragment nothing."""
        if not current_org:
            return overview.Badges(exceptions_open=0, notifications_unread=0), []
        with transaction(current_org.id) as session:
            badges = overview.badges(session, current_org.id, current_user.id)
            return badges, organizations.memberships_of(session, current_user.id)

    @property
    def exceptions_open(self) -> int:
        """How many payment exceptions wait for a person."""
        return self._found[0].exceptions_open

    @property
    def notifications_unread(self) -> int:
        """How many notifications this member has not read."""
        return self._found[0].notifications_unread

    @property
    def organizations(self) -> list[dict[str, object]]:
        """The organizations of this member, for the switcher."""
        return [{"id": one.organization_id, "name": one.name, "role": one.role} for one in self._found[1]]

    def get(self, name: str, default: object = None) -> object:
        """Return a value by its name, as a dict would."""
        return getattr(self, name, default)


def _navigation() -> Navigation:
    if "navigation" not in g:
        g.navigation = Navigation()
    found: Navigation = g.navigation
    return found


def install(app: Flask) -> None:
    """Give every template what the layouts need. Nothing here is looked up before a template asks for it."""
    app.context_processor(
        lambda: {
            "nav": LocalProxy(_navigation),
            "current_org": current_org,
            "current_user": current_user,
            "mode": settings().mode,
            "dev": settings().environment == "development",
            "now": clock.now(),
        }
    )
