"""How Alembic runs: as the owner role, with short lock and statement time-outs, one transaction per migration."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from provvypay.kit.db import driver_url
from provvypay.kit.settings import settings
from provvypay.models.base import Base
from provvypay.models.registry import TABLES

assert TABLES  # noqa: S101 - importing the registry is what fills the metadata


def run() -> None:
    url = context.config.attributes.get("database_url") or settings().database_owner_url
    engine = create_engine(driver_url(str(url)), poolclass=NullPool)
    with engine.connect() as connection:
        # A migration that cannot get its lock gives up instead of queueing every request behind it.
        connection.execute(text("SET lock_timeout = '4s'"))
        connection.execute(text("SET statement_timeout = '30s'"))
        connection.commit()
        context.configure(
            connection=connection, target_metadata=Base.metadata, transaction_per_migration=True, compare_type=True
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


if context.is_offline_mode():
    raise SystemExit("migrations run against a database: set DATABASE_OWNER_URL")
run()
