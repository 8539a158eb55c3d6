"""The Flask extensions of the one application, made once and wired in `provvypay.app`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import Engine

from provvypay.kit import db as kit_db
from provvypay.models.base import Base


class SharedSQLAlchemy(SQLAlchemy):
    """Flask-SQLAlchemy on what the product has already: the models' own base, and the engine of `kit.db`.

    One process then has one pool, so the budget of connections holds. Flask-SQLAlchemy 3.1 would copy the base, which
    SQLAlchemy 2.1 refuses for one with a type_annotation_map.
    """

    def _make_declarative_base(self, model_class: Any, disable_autonaming: bool = False) -> Any:  # noqa: ARG002, FBT001, FBT002
        model_class.metadata.info["bind_key"] = None
        self.metadatas[None] = model_class.metadata
        return model_class

    def _make_engine(self, bind_key: str | None, options: dict[str, Any], app: Flask) -> Engine:  # noqa: ARG002
        return kit_db.engine()


class Plain(Flask):
    """Flask for views that are plain functions, all of them: it need not ask each hook and view whether it is async."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


class Cookies(SecureCookieSessionInterface):
    """Flask's signed cookie, byte for byte; given hashlib's own function, its HMAC is OpenSSL's instead of Python's."""

    digest_method = staticmethod(hashlib.sha1)


db = SharedSQLAlchemy(model_class=Base)
migrate = Migrate()
csrf = CSRFProtect()
