"""The tables of the schema `catalog`; private to this folder."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()

counter = Table(
    "counter",
    metadata,
    Column("one", Boolean, primary_key=True),
    Column("value", BigInteger, nullable=False),
    CheckConstraint("one", name="counter_one_row"),
    comment="The revision of the whole catalog; its row lock makes revisions visible in order.",
)

integrations = Table(
    "integrations",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("slug", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("removed", Boolean, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("auth", Text, nullable=False),
    Column("definitions", Text, nullable=False),
    Column("spec", Text, nullable=False),
    Column("source_digest", Text, nullable=False),
    PrimaryKeyConstraint("tenant", "slug", name="integrations_pkey"),
    Index("integrations_revision", "revision", unique=True),
)

sources = Table(
    "sources",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("integration", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    PrimaryKeyConstraint("tenant", "integration", name="sources_pkey"),
    comment="Texts of descriptions given as files, deflated.",
)

connections = Table(
    "connections",
    metadata,
    Column("id", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("removed", Boolean, nullable=False),
    Column("integration", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("auth", Text),
    Column("credential", Text),
    Column("credential_text", Text, nullable=False),
    PrimaryKeyConstraint("id", name="connections_pkey"),
    UniqueConstraint("tenant", "integration", "owner", "name", name="connections_key"),
    Index("connections_revision", "revision", unique=True),
)

definitions = Table(
    "definitions",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("shown", Text, nullable=False),
    Column("public_digest", Text, nullable=False),
    Column("binding", Text, nullable=False),
    Column("effect", Text, nullable=False),
    Column("idempotent", Boolean, nullable=False),
    PrimaryKeyConstraint("tenant", "fingerprint", name="definitions_pkey"),
)

tools = Table(
    "tools",
    metadata,
    Column("id", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("removed", Boolean, nullable=False),
    Column("connection", Text, ForeignKey("connections.id", name="tools_connection"), nullable=False),
    Column("own_name", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("accepted", Text, nullable=False),
    Column("proposed", Text, nullable=False),
    Column("rejected", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("id", name="tools_pkey"),
    UniqueConstraint("connection", "own_name", name="tools_own_name"),
    Index("tools_revision", "revision", unique=True),
    Index("tools_name", "tenant", "folded", unique=True, postgresql_where=text("folded <> ''")),
    Index("tools_held", "tenant", "id", postgresql_where=text("proposed <> ''")),
)

toolkits = Table(
    "toolkits",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("slug", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("removed", Boolean, nullable=False),
    Column("tools", Text, nullable=False),
    Column("surface", Text, nullable=False),
    PrimaryKeyConstraint("tenant", "slug", name="toolkits_pkey"),
    Index("toolkits_revision", "revision", unique=True),
)
