"""Integrations, connections, tools with their definitions, toolkits."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE counter (
    one boolean PRIMARY KEY CONSTRAINT counter_one_row CHECK (one),
    value bigint NOT NULL
);
COMMENT ON TABLE counter IS
    'The revision of the whole catalog; its row lock makes revisions visible in order.';
INSERT INTO counter (one, value) VALUES (true, 0);

CREATE TABLE integrations (
    tenant text NOT NULL,
    slug text NOT NULL,
    revision bigint NOT NULL,
    removed boolean NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    kind text NOT NULL,
    origin text NOT NULL,
    target text NOT NULL,
    auth text NOT NULL,
    definitions text NOT NULL,
    spec text NOT NULL,
    source_digest text NOT NULL,
    CONSTRAINT integrations_pkey PRIMARY KEY (tenant, slug)
);
CREATE UNIQUE INDEX integrations_revision ON integrations (revision);

CREATE TABLE sources (
    tenant text NOT NULL,
    integration text NOT NULL,
    body bytea NOT NULL,
    size integer NOT NULL,
    CONSTRAINT sources_pkey PRIMARY KEY (tenant, integration)
);
COMMENT ON TABLE sources IS 'Texts of descriptions given as files, deflated.';
ALTER TABLE sources ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE connections (
    id text NOT NULL,
    tenant text NOT NULL,
    revision bigint NOT NULL,
    removed boolean NOT NULL,
    integration text NOT NULL,
    owner text NOT NULL,
    name text NOT NULL,
    auth text,
    credential text,
    credential_text text NOT NULL,
    CONSTRAINT connections_pkey PRIMARY KEY (id),
    CONSTRAINT connections_key UNIQUE (tenant, integration, owner, name)
);
CREATE UNIQUE INDEX connections_revision ON connections (revision);

CREATE TABLE definitions (
    tenant text NOT NULL,
    fingerprint text NOT NULL,
    shown text NOT NULL,
    public_digest text NOT NULL,
    binding text NOT NULL,
    effect text NOT NULL,
    idempotent boolean NOT NULL,
    CONSTRAINT definitions_pkey PRIMARY KEY (tenant, fingerprint)
);

CREATE TABLE tools (
    id text NOT NULL,
    tenant text NOT NULL,
    revision bigint NOT NULL,
    removed boolean NOT NULL,
    connection text NOT NULL,
    own_name text NOT NULL,
    name text NOT NULL,
    folded text NOT NULL,
    address text NOT NULL,
    accepted text NOT NULL,
    proposed text NOT NULL,
    rejected text NOT NULL,
    state text NOT NULL,
    reason text NOT NULL,
    CONSTRAINT tools_pkey PRIMARY KEY (id),
    CONSTRAINT tools_own_name UNIQUE (connection, own_name),
    CONSTRAINT tools_connection FOREIGN KEY (connection) REFERENCES connections (id)
);
CREATE UNIQUE INDEX tools_revision ON tools (revision);
CREATE UNIQUE INDEX tools_name ON tools (tenant, folded) WHERE folded <> '';
CREATE INDEX tools_held ON tools (tenant, id) WHERE proposed <> '';

CREATE TABLE toolkits (
    tenant text NOT NULL,
    slug text NOT NULL,
    revision bigint NOT NULL,
    removed boolean NOT NULL,
    tools text NOT NULL,
    surface text NOT NULL,
    CONSTRAINT toolkits_pkey PRIMARY KEY (tenant, slug)
);
CREATE UNIQUE INDEX toolkits_revision ON toolkits (revision);
"""


def upgrade() -> None:
    """Create everything."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
