"""Who is signed in, which organization they work in, and what a view asks of them before it runs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, cast

from flask import Response, make_response, request, session, url_for
from flask import redirect as flask_redirect
from flask_login import LoginManager, current_user
from werkzeug.local import LocalProxy
from werkzeug.wrappers import Response as AnyResponse

from provvypay.domain.roles import Permission, allows
from provvypay.errors import Forbidden, NotFound
from provvypay.kit import clock
from provvypay.kit.db import transaction
from provvypay.services import audit, organizations, sign_in
from provvypay.web.htmx import polls_by_itself, redirect, wants_fragment
from provvypay.web.paths import path_and_query
from provvypay.web.request_context import actor

Given = ParamSpec("Given")

login_manager = LoginManager()
# The session row in PostgreSQL is what ends a session; a hash of address and browser would end it on every train ride.
login_manager.session_protection = None

TOKEN = "_user_id"  # noqa: S105 - the key under which Flask-Login looks for the session's token


@dataclass(frozen=True, slots=True)
class CurrentOrganization:
    """The organization a member works in at the moment, and their role there."""

    id: uuid.UUID
    name: str
    currency: str
    time_zone: str
    role: str

    def allows(self, permission: Permission) -> bool:
        """Say whether the member's role carries a permission."""
        return allows(self.role, permission)


@dataclass(frozen=True, slots=True)
class Member:
    """A signed-in person, as Flask-Login sees them."""

    id: uuid.UUID
    email: str
    name: str
    session_id: uuid.UUID
    organization: CurrentOrganization | None
    is_platform_admin: bool = False
    """runs the platform; nobody becomes one through the web"""
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False

    def get_id(self) -> str:
        """Return the token of the session; the cookie holds it, PostgreSQL its hash."""
        return cast("str", session.get(TOKEN, ""))


@login_manager.user_loader
def load_member(token: str) -> Member | None:
    """Return whose session a token is, in one read; None once it ended, idled out or was revoked."""
    with transaction() as db:
        found = sign_in.who(db, token, now=clock.now(), in_person=not polls_by_itself())
    if found is None:
        return None
    return Member(
        found.user_id, found.email, found.name, found.session_id, _organization_of(found), found.is_platform_admin
    )


def _organization_of(found: sign_in.SignedIn) -> CurrentOrganization | None:
    if found.organization_id is None or not (
        found.organization_name and found.currency and found.time_zone and found.role
    ):
        return None
    return CurrentOrganization(
        found.organization_id, found.organization_name, found.currency, found.time_zone, found.role
    )


def _current_organization() -> CurrentOrganization | None:
    return getattr(current_user, "organization", None)


current_org = cast("CurrentOrganization", LocalProxy(_current_organization))
"""The organization of this request; false for visitors."""


def begin_session(token: str) -> None:
    """Put a new session's token into the cookie; whatever the cookie held before is gone, also every form's token."""
    session.clear()
    session[TOKEN] = token


def end_session() -> str | None:
    """Empty the cookie and return the token it held."""
    token = session.get(TOKEN)
    session.clear()
    return token


def own_token() -> str | None:
    """Return the token in the cookie, whether it is still good or not."""
    return session.get(TOKEN)


def signed_in(view: Callable[Given, AnyResponse]) -> Callable[Given, AnyResponse]:
    """Let only members of an organization in; others are asked to sign in."""

    @wraps(view)
    def guarded(*args: Given.args, **kwargs: Given.kwargs) -> AnyResponse:
        if not current_user.is_authenticated:
            return ask_to_sign_in()
        if not current_org:
            return _move_to_own_organization(current_user)
        return view(*args, **kwargs)

    return guarded


def needs(permission: Permission) -> Callable[[Callable[Given, AnyResponse]], Callable[Given, AnyResponse]]:
    """Let only members in whose role carries a permission.

    :raises Forbidden: for other members
    """

    def guard(view: Callable[Given, AnyResponse]) -> Callable[Given, AnyResponse]:
        @wraps(view)
        def guarded(*args: Given.args, **kwargs: Given.kwargs) -> AnyResponse:
            if not current_org.allows(permission):
                _write_down_refusal(permission)
                raise Forbidden(f"{current_org.role} lacks {permission}")
            return view(*args, **kwargs)

        return signed_in(guarded)

    return guard


def _write_down_refusal(permission: Permission) -> None:
    with transaction(current_org.id) as db:
        audit.record(
            db,
            "access.refused",
            actor(),
            organization_id=current_org.id,
            subject_type="endpoint",
            subject_id=request.endpoint or "",
            permission=permission,
        )


def platform_admins(view: Callable[Given, AnyResponse]) -> Callable[Given, AnyResponse]:
    """Let only those in who run the platform; to members of whatever role there is nothing at this address.

    Their own organization, if they have one, plays no part in it.

    :raises NotFound: for everybody else who is signed in
    """

    @wraps(view)
    def guarded(*args: Given.args, **kwargs: Given.kwargs) -> AnyResponse:
        if not current_user.is_authenticated:
            return ask_to_sign_in()
        if not current_user.is_platform_admin:
            raise NotFound(f"user {current_user.id} does not run the platform")
        return view(*args, **kwargs)

    return guarded


def ask_to_sign_in() -> Response:
    """Send to the sign-in and back afterwards; htmx gets 401, so that no sign-in form lands inside a fragment."""
    if wants_fragment():
        response = make_response("", 401)
        response.headers["HX-Redirect"] = _sign_in_url(*path_and_query(request.headers.get("HX-Current-URL", "")))
        response.vary.update(["HX-Request", "HX-Target"])
        return response
    if request.method in {"GET", "HEAD"}:
        return make_response(flask_redirect(_sign_in_url(request.path, request.query_string.decode("latin-1")), 303))
    return make_response(flask_redirect(url_for("auth.login"), 303))


def _sign_in_url(path: str, query: str) -> str:
    back = f"{path}?{query}" if query else path
    return url_for("auth.login", next=back if back not in {"", "/"} else None)


def _move_to_own_organization(member: Member) -> Response:
    """Move a member who left the organization they worked in to another of theirs.

    :raises Forbidden: when they belong to none any more
    """
    with transaction() as db:
        others = organizations.memberships_of(db, member.id)
        if others:
            sign_in.work_in(db, member.session_id, others[0].organization_id)
    if not others:
        raise Forbidden(f"user {member.id} has no membership", public_message="You belong to no organization any more.")
    return redirect(url_for("dashboard.show"))
