"""Find the open exceptions of a link by the link.

The code before works with it. The statement stands in migrations/sql/0019_exceptions_by_link.sql, where an editor knows
it is SQL.
"""

from pathlib import Path

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    sql = Path(__file__).parents[1] / "sql" / f"{Path(__file__).stem}.sql"
    # Without parameters: the driver then sends the text as it is.
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(sql.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise NotImplementedError("migrations go forward; restore a backup to go back")
