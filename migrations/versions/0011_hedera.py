"""Crypto on Hedera: accounts, the asset registry, cursors, transfers, quotes, claims, decisions about held money.

The code before works with it, but for one thing: an exception now says how much it holds and where, so a web or worker
process of the release before cannot hold money until it is replaced; its settlement rolls back and is tried again. The
statements stand in migrations/sql/0011_hedera.sql.
"""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    sql = Path(__file__).parents[1] / "sql" / f"{Path(__file__).stem}.sql"
    # Without parameters: the driver then sends the text as it is.
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(sql.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise NotImplementedError("migrations go forward; restore a backup to go back")
