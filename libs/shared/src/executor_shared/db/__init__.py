"""Database access: engine, transactions, migrations."""
