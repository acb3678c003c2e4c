"""Where the catalog is kept: PostgreSQL, and memory for tests of everything above."""

from executor_catalog.storage.memory import MemoryStore
from executor_catalog.storage.postgres import PostgresStore

__all__ = ["MemoryStore", "PostgresStore"]
