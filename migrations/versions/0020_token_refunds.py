"""Refunds in tokens that the merchant sends from a wallet of their own, and of payments that were marked by hand.

The code before works with it: it writes refunds by card alone, whose columns and judges stay as they are. The
statements stand in migrations/sql/0020_token_refunds.sql.
"""

from pathlib import Path

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    sql = Path(__file__).parents[1] / "sql" / f"{Path(__file__).stem}.sql"
    # Without parameters: the driver then sends the text as it is.
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(sql.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise NotImplementedError("migrations go forward; restore a backup to go back")
