"""Readiness counts work that is due: an event that waits for its next try is nobody's neglect.

The code before works with it: the function keeps its name, its columns, its owner and its grants. The statement stands
in migrations/sql/0008_inbox_that_waits.sql, where an editor knows it is SQL.
"""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    sql = Path(__file__).parents[1] / "sql" / f"{Path(__file__).stem}.sql"
    # Without parameters: the driver then sends the text as it is.
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(sql.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise NotImplementedError("migrations go forward; restore a backup to go back")
