"""The tables of schema `vault_broker`. Private to storage."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

credential = Table(
    "credential",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("ref", Text, primary_key=True),
    Column("connection", Text, nullable=False),
    Column("newest", Integer, nullable=False),
    Column("last_leased_at", Double),
    UniqueConstraint("tenant", "connection", name="one_credential_per_connection"),
)

credential_version = Table(
    "credential_version",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("ref", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    ForeignKeyConstraint(
        ["tenant", "ref"],
        ["credential.tenant", "credential.ref"],
        name="version_of_credential",
        ondelete="CASCADE",
    ),
)

sealed_record = Table(
    "sealed_record",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("ref", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("key_id", Text),
    Column("wrapped_key", LargeBinary),
    Column("box", LargeBinary),
    CheckConstraint(
        "(key_id IS NULL) = (wrapped_key IS NULL) AND (key_id IS NULL) = (box IS NULL)",
        name="record_is_whole_or_dropped",
    ),
    Index("sealed_record_by_key", "key_id"),
)
"""A version; without content where it was dropped, so that its number is not used again."""

spent_grant = Table(
    "spent_grant",
    metadata,
    Column("call", Text, primary_key=True),
    Column("deadline", Double, nullable=False),
    Index("spent_grant_by_deadline", "deadline"),
)
