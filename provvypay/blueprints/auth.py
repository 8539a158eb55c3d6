"""Sign up, sign in, sign out, and the switch between one's organizations."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response, request, url_for
from flask_login import current_user

from provvypay.domain.currencies import CURRENCIES
from provvypay.errors import Invalid, NotFound, Throttled
from provvypay.flows import sign_in
from provvypay.flows.sign_up import sign_up
from provvypay.kit import passwords
from provvypay.kit.zones import TIME_ZONES
from provvypay.web.forms import Fields, FormState
from provvypay.web.guards import begin_session, current_org, end_session, own_token, signed_in
from provvypay.web.htmx import redirect, render, wants_fragment
from provvypay.web.paths import own_path
from provvypay.web.request_context import actor, user_agent

bp = Blueprint("auth", __name__)

_WRONG = "This address and this password do not fit together."


@bp.get("/login")
def login() -> Response:
    """Show the sign-in; who is signed in already goes on."""
    next_url = own_path(request.args.get("next", ""))
    if current_user.is_authenticated:
        return redirect(next_url or url_for("dashboard.show"))
    return _login_page(FormState(values={"next": next_url or ""}))


@bp.post("/login")
def log_in() -> Response:
    """Sign in and go where the person wanted to go."""
    fields = Fields(request.form)
    email = fields.text("email", "Enter your e-mail address.", most=254)
    password = fields.raw("password")
    if not password:
        fields.refuse("password", "Enter your password.")
    if not fields.valid:
        return _login_page(fields.state("email", "next"), 422)
    try:
        token = sign_in.enter(email, password, user_agent=user_agent(), actor=actor(), leaving=own_token())
    except Throttled as error:
        return _throttled(error)
    if token is None:
        return _login_page(fields.state("email", "next", summary=_WRONG), 422)
    begin_session(token)
    return redirect(own_path(fields.raw("next")) or url_for("dashboard.show"))


@bp.post("/logout")
def logout() -> Response:
    """End the session, here and for every copy of its cookie."""
    organization_id = current_org.id if current_org else None
    who = actor()
    token = end_session()
    if token and who.id:
        sign_in.leave(token, organization_id, actor=who)
    response = redirect(url_for("public.landing"))
    # What a browser kept of our pages shall not be one step back for the next person.
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@bp.get("/signup")
def signup() -> Response:
    """Show the form for a new account."""
    if current_user.is_authenticated:
        return redirect(url_for("dashboard.show"))
    return _signup_page(FormState())


@bp.post("/signup")
def register() -> Response:
    """Make an account with its organization, and sign its owner in."""
    fields = Fields(request.form)
    name = fields.text("name", "Enter your name.", most=120)
    email = fields.email("email", "Enter your e-mail address.")
    organization = fields.text("organization", "Enter the name of your business.", most=120)
    currency = fields.choice("currency", CURRENCIES, "Choose one of the currencies in the list.")
    time_zone = fields.choice("time_zone", TIME_ZONES, "Choose one of the time zones in the list.")
    password = fields.raw("password")
    if problem := passwords.refusal(password, context=(name, email, organization)):
        fields.refuse("password", problem)
    if not fields.valid:
        return _refused_signup(fields)
    try:
        # Its own key: somebody else's tries here must not slow a sign-in of this address down.
        sign_in.count_try(f"sign-up:{email}", actor(), refused_as="sign_up.throttled")
        with sign_in.hashing():
            token = sign_up(
                name=name, email=email, password=password, organization=organization, currency=currency,
                time_zone=time_zone, user_agent=user_agent(), actor=actor(),
            )  # fmt: skip
    except Throttled as error:
        return _throttled(error)
    except Invalid as error:
        fields.take_in(error)
        return _refused_signup(fields)
    begin_session(token)
    return redirect(url_for("dashboard.show"))


@bp.post("/organization")
@signed_in
def switch_organization() -> Response:
    """Work in another organization; forms that are still open for the old one no longer count."""
    try:
        wanted = uuid.UUID(request.form.get("organization_id", ""))
    except ValueError as error:
        raise NotFound("not an organization's id") from error
    sign_in.switch(current_user.session_id, wanted, actor=actor())
    begin_session(own_token() or "")
    return redirect(url_for("dashboard.show"))


def _login_page(form: FormState, http_status: int = 200) -> Response:
    return render(
        "auth/login.html",
        fragments=("login_form",),
        http_status=http_status,
        form=form,
        next_url=form.values.get("next"),
    )


def _signup_page(form: FormState, http_status: int = 200) -> Response:
    return render(
        "auth/signup.html",
        fragments=("signup_form",),
        http_status=http_status,
        form=form,
        currencies=[(one.code, f"{one.code}: {one.name}") for one in CURRENCIES.values()],
        time_zones=TIME_ZONES,
    )


def _refused_signup(fields: Fields) -> Response:
    return _signup_page(fields.state("name", "email", "organization", "currency", "time_zone"), 422)


def _throttled(error: Throttled) -> Response:
    """Answer the same for every address, known or not: how long to wait."""
    if wants_fragment():
        raise error
    response = render("auth/throttled.html", http_status=429, retry_after_seconds=error.retry_after)
    response.headers["Retry-After"] = str(error.retry_after)
    return response
