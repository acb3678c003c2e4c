"""Real NATS and PostgreSQL servers as child processes, for local mode and tests."""
