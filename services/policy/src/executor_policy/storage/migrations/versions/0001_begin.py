"""Rules, principals, approvals and the record of calls."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE state (
    id integer PRIMARY KEY CONSTRAINT state_is_one_row CHECK (id = 1),
    revision bigint NOT NULL
);
INSERT INTO state (id, revision) VALUES (1, 0);

CREATE TABLE rule (
    tenant text NOT NULL,
    name text NOT NULL,
    spec text NOT NULL,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE principal (
    tenant text NOT NULL,
    subject text NOT NULL,
    person text,
    groups text[] NOT NULL,
    admin boolean NOT NULL,
    key_text text NOT NULL,
    PRIMARY KEY (tenant, subject)
);

CREATE TABLE api_key (
    digest text PRIMARY KEY,
    tenant text NOT NULL,
    subject text NOT NULL,
    CONSTRAINT api_key_of_principal FOREIGN KEY (tenant, subject)
        REFERENCES principal (tenant, subject) ON DELETE CASCADE
);
CREATE INDEX api_key_by_principal ON api_key (tenant, subject);

CREATE TABLE approval (
    id text PRIMARY KEY,
    tenant text NOT NULL,
    requester text NOT NULL,
    requester_person text NOT NULL,
    tool text NOT NULL,
    definition text NOT NULL,
    arguments_digest text NOT NULL,
    terms text NOT NULL,
    address text NOT NULL,
    effect text NOT NULL,
    origin text NOT NULL,
    sealed_arguments bytea NOT NULL,
    rule text NOT NULL,
    reason text NOT NULL,
    clauses text NOT NULL,
    approver_groups text[] NOT NULL,
    requester_may boolean NOT NULL,
    created_at double precision NOT NULL,
    expires_at double precision NOT NULL,
    state text NOT NULL,
    usable_until double precision,
    decided_by text,
    decided_by_person text,
    decided_at double precision,
    decision_reason text NOT NULL,
    consumed_by text,
    told boolean NOT NULL,
    CONSTRAINT approval_state CHECK (
        state IN ('pending', 'approved', 'denied', 'expired', 'consumed', 'withdrawn')),
    CONSTRAINT approval_was_decided CHECK (
        state NOT IN ('approved', 'consumed') OR (usable_until IS NOT NULL AND decided_by_person IS NOT NULL)),
    CONSTRAINT approver_is_not_requester CHECK (
        state NOT IN ('approved', 'consumed') OR requester_may OR decided_by_person <> requester_person),
    CONSTRAINT approval_consumed_by CHECK ((state = 'consumed') = (consumed_by IS NOT NULL))
);
CREATE UNIQUE INDEX approval_pending_once
    ON approval (tenant, requester, tool, definition, arguments_digest, terms) WHERE state = 'pending';
CREATE INDEX approval_of_call ON approval (tenant, requester, tool, definition, arguments_digest, terms);
CREATE UNIQUE INDEX approval_consumed_once ON approval (consumed_by);
CREATE INDEX approval_newest ON approval (tenant, created_at, id);
CREATE INDEX approval_waiting ON approval (expires_at) WHERE state IN ('pending', 'approved');

CREATE TABLE call (
    id text PRIMARY KEY,
    tenant text NOT NULL,
    subject text NOT NULL,
    tool text NOT NULL,
    address text NOT NULL,
    effect text NOT NULL,
    decision text NOT NULL,
    rule text NOT NULL,
    matched text[] NOT NULL,
    arguments_digest text NOT NULL,
    client text NOT NULL,
    started_at double precision NOT NULL,
    deadline double precision NOT NULL,
    credential text,
    approval text,
    idempotency_key text
);
CREATE INDEX call_newest ON call (tenant, started_at, id);
CREATE INDEX call_newest_of_subject ON call (tenant, subject, started_at, id);
CREATE INDEX call_by_deadline ON call (deadline);
CREATE UNIQUE INDEX call_idempotency
    ON call (tenant, subject, tool, idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE outcome (
    call text PRIMARY KEY,
    outcome text NOT NULL,
    code text,
    finished_at double precision NOT NULL
);
"""


def upgrade() -> None:
    """Create the tables; none of them exists, so none is locked."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)
