"""Links in full: who a link is for, where its receipt leads back to, the merchant's own data, archiving and search.

The code before works with it: new columns have defaults, and triggers keep the words. The statements stand in
migrations/sql/0006_links_in_full.sql, where an editor knows they are SQL.
"""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    sql = Path(__file__).parents[1] / "sql" / f"{Path(__file__).stem}.sql"
    # Without parameters: the driver then sends the text as it is, several statements at once.
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(sql.read_text(encoding="utf-8"))


def downgrade() -> None:
    raise NotImplementedError("migrations go forward; restore a backup to go back")
