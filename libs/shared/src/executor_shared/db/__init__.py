"""PostgreSQL: one pool per process, one schema per owning service, and its migrations."""

from executor_shared.db.database import Database
from executor_shared.db.migrate import migrate

__all__ = ["Database", "migrate"]
