"""Refunds and disputes, what Stripe books for them, and that never more goes back than was received.

The code before works with it: its journals and exceptions are judged as before. The statements stand in
migrations/sql/0014_refunds_and_disputes.sql, where an editor knows they are SQL.
"""

from pathlib import Path

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    sql = Path(__file__).parents[1] / "sql" / f"{Path(__file__).stem}.sql"
    # Without parameters: the driver then sends the text as it is.
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(sql.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise NotImplementedError("migrations go forward; restore a backup to go back")
