"""What the vault-broker answers and announces. No message here carries a secret in the clear."""

from typing import Literal

from executor_shared.contracts.base import Event, Message, Nothing, Request, ServiceName
from executor_shared.contracts.vocabulary import AuthMethod, Carrier


class SealingKey(Message, frozen=True, kw_only=True):
    """The broker's X25519 public key (32 bytes): who stores a credential seals it to this key."""

    public_key: bytes


class StoreCredential(Message, frozen=True, kw_only=True):
    """Store the values of a connection's credential, bound to one origin and one way of sending it.

    `connection` is `<integration>/<owner>/<name>`. `sealed` is `sealing.seal_values(...)`; its binding covers
    tenant and connection, so it cannot be stored for another one. `text` names an external secret
    (`vault: mount/path#field`) instead of carrying one.
    """

    tenant: str
    connection: str
    origin: str
    method: AuthMethod
    sealed: bytes | None = None
    external: str | None = None


class CredentialStored(Message, frozen=True, kw_only=True):
    """Reference and version; `changed` is False where the same values stood there already."""

    credential: str
    version: int
    changed: bool


class RevertCredential(Message, frozen=True, kw_only=True):
    """Take back the newest version, because what it was stored for did not happen."""

    tenant: str
    credential: str
    version: int


class DeleteCredential(Message, frozen=True, kw_only=True):
    """Destroy all versions."""

    tenant: str
    credential: str


class GetCredential(Message, frozen=True, kw_only=True):
    """What is known of a credential, without its value."""

    tenant: str
    credential: str


class CredentialFacts(Message, frozen=True, kw_only=True):
    """Metadata of a credential; times are seconds since the epoch."""

    credential: str
    connection: str
    origin: str
    method: str
    version: int
    created_at: float
    last_leased_at: float | None = None


class LeaseCredential(Message, frozen=True, kw_only=True):
    """Release the credential that this grant names, sealed to this key. The grant is used up by it.

    A grant without a credential is presented too where its effect is not `read`: the broker is where a
    grant is spent once.
    """

    grant: str
    public_key: bytes


class Lease(Message, frozen=True, kw_only=True):
    """The sealed answer: `sealing.open_lease` gives `LeasedCredential`. None: nothing to inject."""

    sealed: bytes | None = None
    version: int = 0


class Injection(Message, frozen=True, kw_only=True):
    """One rendered secret and where it goes."""

    carrier: Carrier
    name: str
    value: str


class LeasedCredential(Message, frozen=True, kw_only=True):
    """What is inside a sealed lease. Never put on the bus unsealed.

    `reuse` is for how many seconds the worker may keep it in memory for further granted calls of the same
    connection and origin. `secrets` are the raw values, for finding them in what an upstream echoes.
    """

    injections: tuple[Injection, ...]
    secrets: tuple[str, ...]
    expires_at: float
    reuse: float = 0.0


class CredentialChanged(Message, frozen=True, kw_only=True):
    """Cached copies and leases of this credential are stale."""

    tenant: str
    credential: str
    reason: Literal["stored", "reverted", "deleted"]


_GATEWAY = frozenset({ServiceName.GATEWAY})

GET_SEALING_KEY = Request(
    subject="executor.vault-broker.v1.sealing.key",
    owner=ServiceName.VAULT_BROKER,
    callers=_GATEWAY,
    asks=Nothing,
    answers=SealingKey,
    timeout=2.0,
)
STORE_CREDENTIAL = Request(
    subject="executor.vault-broker.v1.credential.store",
    owner=ServiceName.VAULT_BROKER,
    callers=_GATEWAY,
    asks=StoreCredential,
    answers=CredentialStored,
    timeout=10.0,
)
REVERT_CREDENTIAL = Request(
    subject="executor.vault-broker.v1.credential.revert",
    owner=ServiceName.VAULT_BROKER,
    callers=_GATEWAY,
    asks=RevertCredential,
    answers=Nothing,
    timeout=10.0,
)
DELETE_CREDENTIAL = Request(
    subject="executor.vault-broker.v1.credential.delete",
    owner=ServiceName.VAULT_BROKER,
    callers=_GATEWAY,
    asks=DeleteCredential,
    answers=Nothing,
    timeout=10.0,
)
GET_CREDENTIAL = Request(
    subject="executor.vault-broker.v1.credential.get",
    owner=ServiceName.VAULT_BROKER,
    callers=_GATEWAY,
    asks=GetCredential,
    answers=CredentialFacts,
    timeout=5.0,
)
LEASE_CREDENTIAL = Request(
    subject="executor.vault-broker.v1.credential.lease",
    owner=ServiceName.VAULT_BROKER,
    callers=frozenset({ServiceName.ADAPTERS}),
    asks=LeaseCredential,
    answers=Lease,
    timeout=5.0,
)
CREDENTIAL_CHANGED = Event(
    subject="executor.vault-broker.v1.credential.changed",
    owner=ServiceName.VAULT_BROKER,
    speakers=frozenset({ServiceName.VAULT_BROKER}),
    hearers=frozenset({ServiceName.VAULT_BROKER, ServiceName.ADAPTERS}),
    says=CredentialChanged,
)
