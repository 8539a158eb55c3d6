"""The watcher's questions across organizations: to let an account be read at once, and to find money without a value.

The code before works with it: only functions are added. The statements stand in migrations/sql/0013_watcher.sql, where
an editor knows they are SQL.
"""

from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    sql = Path(__file__).parents[1] / "sql" / f"{Path(__file__).stem}.sql"
    # Without parameters: the driver then sends the text as it is, several statements at once.
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(sql.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise NotImplementedError("migrations go forward; restore a backup to go back")
