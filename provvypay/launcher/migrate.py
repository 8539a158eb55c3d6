"""Run the migrations as the owner of the schema."""

from __future__ import annotations

from alembic import command
from alembic.config import Config

from provvypay.launcher.paths import ROOT


def upgrade(database_owner_url: str) -> None:
    """Bring a database to the newest version; one transaction per migration."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["database_url"] = database_owner_url
    command.upgrade(config, "head")
