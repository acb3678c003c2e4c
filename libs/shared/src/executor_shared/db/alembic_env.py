"""What every `migrations/env.py` delegates to: `from executor_shared.db.alembic_env import run; run()`."""

from alembic import context
from sqlalchemy import Connection


def run() -> None:
    """Migrate over the connection that `migrate` opened, one transaction per revision.

    Raises:
        RuntimeError: started otherwise than through `executor_shared.db.migrate`.

    """
    config = context.config
    connection: Connection | None = config.attributes.get("connection")
    schema: str | None = config.attributes.get("schema")
    if connection is None or schema is None:
        raise RuntimeError("Migrations run through executor_shared.db.migrate, not through bare Alembic.")
    context.configure(
        connection=connection,
        target_metadata=config.attributes.get("metadata"),
        version_table_schema=schema,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
