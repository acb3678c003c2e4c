"""Runs the history; see `executor_shared.db.alembic_env`."""

from executor_shared.db.alembic_env import run

run()
