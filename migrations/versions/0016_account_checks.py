"""Merchants' accounts for crypto are looked at again every few hours.

The code before works with it: it asks nothing of the new function. The statements stand in
migrations/sql/0016_account_checks.sql.
"""

from pathlib import Path

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    sql = Path(__file__).parents[1] / "sql" / f"{Path(__file__).stem}.sql"
    # Without parameters: the driver then sends the text as it is.
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(sql.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise NotImplementedError("migrations go forward; restore a backup to go back")
