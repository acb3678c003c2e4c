"""A stored credential: the secret record, and what may be known of it."""

from dataclasses import dataclass

import msgspec

from executor_shared.contracts.vocabulary import AuthMethod


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a credential, as the store keeps it. Its text form shows no value.

    Origin, connection and method stand inside, under the same encryption as the values, so that nobody
    who can write metadata can send a credential elsewhere.

    Attributes:
        connection: `<integration>/<owner>/<name>`.
        origin: the only origin that it may be sent to.
        method: where the values go in a request.
        values: input name to secret; empty where `external` names them.
        external: `mount/path` or `mount/path#field` of a secret that somebody else keeps.

    """

    connection: str
    origin: str
    method: AuthMethod
    values: dict[str, str] = {}
    external: str | None = None

    def __repr__(self) -> str:
        return f"Record(connection={self.connection!r}, origin={self.origin!r})"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Key:
    """Whose credential, and which: every look-up is by both."""

    tenant: str
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What is known of a credential's newest version without opening it.

    Attributes:
        digest: keyed digest of the whole record, for telling whether the same is stored again.
        created_at: of this version, in seconds since the epoch.

    """

    key: Key
    connection: str
    origin: str
    method: str
    version: int
    digest: str
    created_at: float
    last_leased_at: float | None = None
