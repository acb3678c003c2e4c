"""PostgreSQL: metadata, spent grants and the embedded encrypted store; and the cache before any store."""
