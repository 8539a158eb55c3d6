"""create_app(): the one place where everything is wired."""

from __future__ import annotations

from importlib import import_module

from flask import Flask
from jinja2 import StrictUndefined

from provvypay.kit import db as kit_db
from provvypay.kit import process
from provvypay.kit.settings import Settings
from provvypay.kit.settings import settings as settings_of_process
from provvypay.models.registry import TABLES
from provvypay.web import assets, errors, formatting, limits, navigation, request_context, security
from provvypay.web.extensions import Cookies, Plain, csrf, db, migrate
from provvypay.web.guards import login_manager
from provvypay.web.poll_door import PollDoor
from provvypay.web.schema import MIGRATIONS

BLUEPRINTS = (
    "public",
    "auth",
    "dashboard",
    "settings",
    "payment_settings",
    "xero",
    "xero_books",
    "notifications",
    "links",
    "refunds",
    "pay",
    "ledger",
    "exceptions",
    "corrections",
    "health",
    "metrics",
    "admin.rates",
    "admin.tokens",
    "webhooks",
)
DEVELOPMENT_BLUEPRINTS = ("styleguide",)
CSRF_EXEMPT = ("webhooks",)
"""The only ones: vendors sign what they send."""


def create_app(settings: Settings | None = None) -> Flask:
    """Return the web application, with its database, cache and queue configured.

    :param settings: default: those of the environment
    """
    settings = settings or settings_of_process()
    process.start(settings, role="web")

    app = Plain("provvypay", static_folder=None)
    app.session_interface = Cookies()
    # A name that is missing is a mistake to be seen, not an empty place on a page about money.
    app.jinja_options = {**app.jinja_options, "undefined": StrictUndefined}
    app.config["TEMPLATES_AUTO_RELOAD"] = settings.environment == "development"
    request_context.install(app)
    security.install(app, settings)
    _install_extensions(app, settings)
    limits.install(app)
    assets.install(app, settings)
    formatting.install(app)
    navigation.install(app)
    errors.install(app)
    # The macros see only globals; loaded once, so that a fragment rendered alone finds them too.
    app.jinja_env.globals["ui"] = app.jinja_env.get_template("ui/macros.html").module
    _register_blueprints(app, settings)
    app.wsgi_app = PollDoor(app.wsgi_app, security.trusted_hosts(settings))  # type: ignore[method-assign]
    return app


def _install_extensions(app: Flask, settings: Settings) -> None:
    app.config["SQLALCHEMY_DATABASE_URI"] = kit_db.driver_url(settings.database_url)
    if not TABLES:
        raise RuntimeError("no tables are registered")
    db.init_app(app)
    migrate.init_app(app, db, directory=str(MIGRATIONS))
    csrf.init_app(app)
    # Without its context processor: that one reads the session's row for every page, also for those that never ask.
    login_manager.init_app(app, add_context_processor=False)


def _register_blueprints(app: Flask, settings: Settings) -> None:
    names = BLUEPRINTS + (DEVELOPMENT_BLUEPRINTS if settings.environment != "production" else ())
    for name in names:
        blueprint = import_module(f"provvypay.blueprints.{name}").bp
        if name in CSRF_EXEMPT:
            csrf.exempt(blueprint)
        app.register_blueprint(blueprint)
