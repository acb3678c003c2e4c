"""Things."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("CREATE TABLE thing (name text PRIMARY KEY)")
