"""Bindings, versions, encrypted records and spent grants."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE credential (
    tenant text NOT NULL,
    ref text NOT NULL,
    connection text NOT NULL,
    newest integer NOT NULL,
    last_leased_at double precision,
    PRIMARY KEY (tenant, ref),
    CONSTRAINT one_credential_per_connection UNIQUE (tenant, connection)
);

CREATE TABLE credential_version (
    tenant text NOT NULL,
    ref text NOT NULL,
    version integer NOT NULL,
    origin text NOT NULL,
    method text NOT NULL,
    digest text NOT NULL,
    created_at double precision NOT NULL,
    PRIMARY KEY (tenant, ref, version),
    CONSTRAINT version_of_credential FOREIGN KEY (tenant, ref)
        REFERENCES credential (tenant, ref) ON DELETE CASCADE
);

CREATE TABLE sealed_record (
    tenant text NOT NULL,
    ref text NOT NULL,
    version integer NOT NULL,
    key_id text,
    wrapped_key bytea,
    box bytea,
    PRIMARY KEY (tenant, ref, version),
    CONSTRAINT record_is_whole_or_dropped CHECK (
        (key_id IS NULL) = (wrapped_key IS NULL) AND (key_id IS NULL) = (box IS NULL))
);
CREATE INDEX sealed_record_by_key ON sealed_record (key_id);

CREATE TABLE spent_grant (
    call text PRIMARY KEY,
    deadline double precision NOT NULL
);
CREATE INDEX spent_grant_by_deadline ON spent_grant (deadline);
"""


def upgrade() -> None:
    """Create the tables; none of them exists, so none is locked."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)
