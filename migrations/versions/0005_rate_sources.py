"""Rates from several sources: what waits to be confirmed, two days of history, and who may ask a source.

The code before works with it: it writes no cross rates and leaves the new columns at their defaults. The statements
stand in migrations/sql/0005_rate_sources.sql, where an editor knows they are SQL.
"""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    sql = Path(__file__).parents[1] / "sql" / f"{Path(__file__).stem}.sql"
    # Without parameters: the driver then sends the text as it is, several statements at once.
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(sql.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise NotImplementedError("migrations go forward; restore a backup to go back")
