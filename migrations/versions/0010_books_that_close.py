"""Books that close: a lock per organization, entries that carry their date, a chart the merchant may widen.

The code before works with it: new columns have defaults or are written by triggers, and without a lock nothing is
refused. The statements stand in migrations/sql/0010_books_that_close.sql, where an editor knows they are SQL.
"""

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    sql = Path(__file__).parents[1] / "sql" / f"{Path(__file__).stem}.sql"
    # Without parameters: the driver then sends the text as it is, several statements at once.
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(sql.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise NotImplementedError("migrations go forward; restore a backup to go back")
