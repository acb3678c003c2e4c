"""Settings of the broker. Environment: `EXECUTOR_VAULT_BROKER__<FIELD>` beside the blocks that services share."""

import base64
import binascii
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from executor_shared.errors import InvalidRequestError
from executor_shared.settings import Block, DatabaseSettings, GrantKeysSettings, ServiceSettings
from executor_vault_broker.domain.keyring import MASTER_KEY_BYTES, KeyRing
from executor_vault_broker.domain.reference import is_segment

_PREFIX = "EXECUTOR_VAULT_BROKER__"
_GRANT_KEY_BYTES = 32


class VaultBlock(Block):
    """How to reach HashiCorp Vault or OpenBao."""

    address: str = Field("", description="Base address of the active node, such as https://vault:8200.")
    namespace: str | None = Field(None, description="Namespace (Vault Enterprise, OpenBao).")
    mount: str = Field("executor", description="KV version 2 mount that holds credentials.")
    prefix: str = Field("", description="Folder in the mount; empty: its top.")
    auth: Literal["token", "approle"] = Field("approle", description="How the broker logs in.")
    token: SecretStr | None = Field(None, description="The token, for auth=token.")
    role_id: str | None = Field(None, description="Role id, for auth=approle.")
    secret_id: SecretStr | None = Field(None, description="Secret id, for auth=approle.")
    approle_mount: str = Field("approle", description="Where the AppRole method is mounted.")
    ca_file: str | None = Field(None, description="CA certificates for TLS to Vault.")
    timeout: float = Field(2.0, gt=0, le=3, description="Seconds for one request.")
    threads: int = Field(8, ge=1, le=10, description="Requests at once.")
    external: tuple[str, ...] = Field(
        (),
        description="Paths (mount/folder, `{tenant}` stands for the tenant) below which connections may name "
        "secrets that somebody else keeps. Empty: none.",
    )

    @field_validator("mount", "approle_mount")
    @classmethod
    def _one_segment(cls, value: str) -> str:
        if not is_segment(value):
            raise ValueError("expected one path segment of letters, digits, '_', '.' or '-'")
        return value

    @field_validator("prefix")
    @classmethod
    def _plain_path(cls, value: str) -> str:
        if value and not all(map(is_segment, value.split("/"))):
            raise ValueError("expected path segments of letters, digits, '_', '.' or '-'")
        return value

    @field_validator("external")
    @classmethod
    def _plain_paths(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for path in value:
            if not all(map(is_segment, path.replace("{tenant}", "t").split("/"))):
                raise ValueError("expected paths such as kv/{tenant} or kv/shared")
        return value


class VaultBrokerBlock(Block):
    """Where credentials are kept, and for how long copies live."""

    store: Literal["embedded", "vault"] = Field(
        "embedded", description="embedded: encrypted in PostgreSQL. vault: HashiCorp Vault."
    )
    master_key: SecretStr | None = Field(
        None,
        description="32 random bytes in base64, the same for all replicas: encrypts the embedded store and "
        "makes the key that credentials are sealed to on their way here. Required.",
    )
    previous_master_keys: tuple[SecretStr, ...] = Field(
        (), description="Master keys that are still known while one is replaced by another."
    )
    lease_reuse: float = Field(
        10.0,
        ge=0,
        le=60,
        description="Seconds for which a worker may use a lease again for calls that only read.",
    )
    cache: float = Field(
        30.0, ge=0, le=60, description="Seconds for which the broker remembers a credential."
    )
    vault: VaultBlock = VaultBlock()  # pyright: ignore[reportCallIssue]


class VaultBrokerSettings(ServiceSettings):
    """All of them."""

    database: DatabaseSettings = DatabaseSettings()  # pyright: ignore[reportCallIssue]
    grants: GrantKeysSettings = GrantKeysSettings()  # pyright: ignore[reportCallIssue]
    vault_broker: VaultBrokerBlock = VaultBrokerBlock()  # pyright: ignore[reportCallIssue]


def _bytes(text: str, length: int, name: str, what: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != length:
        raise InvalidRequestError(f"{name}: expected {what}.", details={"field": name})
    return key


def key_ring(block: VaultBrokerBlock) -> KeyRing:
    """The master keys.

    Raises:
        InvalidRequestError: missing or of another form; the value is not repeated.

    """
    what = f"{MASTER_KEY_BYTES} random bytes in base64 (for example from: openssl rand -base64 32)"
    present = block.master_key.get_secret_value() if block.master_key else ""
    previous = [key.get_secret_value() for key in block.previous_master_keys]
    return KeyRing(
        _bytes(present, MASTER_KEY_BYTES, f"{_PREFIX}MASTER_KEY", what),
        tuple(_bytes(k, MASTER_KEY_BYTES, f"{_PREFIX}PREVIOUS_MASTER_KEYS", what) for k in previous),
    )


def grant_keys(block: GrantKeysSettings) -> tuple[bytes, ...]:
    """Policy's public keys.

    Raises:
        InvalidRequestError: none, or one of another form.

    """
    name = "EXECUTOR_GRANTS__PUBLIC_KEYS"
    what = "policy's Ed25519 public keys, each 32 bytes in base64, at least one"
    if not block.public_keys:
        raise InvalidRequestError(f"{name}: expected {what}.", details={"field": name})
    return tuple(_bytes(key, _GRANT_KEY_BYTES, name, what) for key in block.public_keys)


def required(value: str | None, field: str) -> str:
    """A setting of the Vault block that the chosen way needs.

    Raises:
        InvalidRequestError: it is empty.

    """
    if not value:
        name = f"{_PREFIX}VAULT__{field.upper()}"
        raise InvalidRequestError(
            f"{name}: required where EXECUTOR_VAULT_BROKER__STORE is vault.", details={"field": name}
        )
    return value
