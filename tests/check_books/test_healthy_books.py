"""On a healthy database check-books finds nothing, whatever is in it."""

from __future__ import annotations

from sqlalchemy import text

from provvypay.models.registry import TABLES
from provvypay.services.check_books.run import check_all
from tests.check_books.world import World


def test_healthy_books_are_clean(owner_url: str):
    assert [str(breach) for breach in check_all(owner_url)] == []


def test_the_healthy_database_has_rows_in_every_table_of_an_organization(world: World):
    tenants = [name for name, table in TABLES.items() if "organization_id" in table.columns]

    with world.superuser.connect() as connection:
        empty = [name for name in tenants if not connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()]

    assert empty == []
