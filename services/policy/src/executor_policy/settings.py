"""Settings of policy. Environment: `EXECUTOR_POLICY__<FIELD>` beside the blocks that all services share."""

import base64
import binascii

from pydantic import Field, SecretStr

from executor_shared.errors import InvalidRequestError
from executor_shared.settings import Block, DatabaseSettings, ServiceSettings

_KEY_BYTES = 32


class PolicyBlock(Block):
    """Keys of policy, and how it begins."""

    signing_seed: SecretStr | None = Field(
        None, description="Seed of the Ed25519 key that signs grants: 32 random bytes in base64. Required."
    )
    arguments_key: SecretStr | None = Field(
        None,
        description="Key that encrypts the arguments of calls waiting for approval (AES-256-GCM): 32 random "
        "bytes in base64. Required; with another key, approvals that wait cannot be used.",
    )
    bootstrap_admin_proof: str | None = Field(
        None,
        description="Hexadecimal SHA-256 of a token. At start the principal `admin` of tenant `default` is "
        "created with it as key, or gets it in place of its keys.",
    )
    orphan_grace: float = Field(
        60.0, ge=1, description="Seconds after a call's deadline until it is closed as `unknown`."
    )


class PolicySettings(ServiceSettings):
    """All of them."""

    database: DatabaseSettings = DatabaseSettings()  # pyright: ignore[reportCallIssue]
    policy: PolicyBlock = PolicyBlock()  # pyright: ignore[reportCallIssue]


def key_of(secret: SecretStr | None, name: str) -> bytes:
    """The 32 bytes of a key setting.

    Raises:
        InvalidRequestError: missing or of another form; the value is not repeated.

    """
    try:
        key = base64.b64decode(secret.get_secret_value(), validate=True) if secret else b""
    except binascii.Error:
        key = b""
    if len(key) != _KEY_BYTES:
        raise InvalidRequestError(
            f"EXECUTOR_POLICY__{name.upper()}: expected 32 random bytes in base64 "
            "(for example from: openssl rand -base64 32).",
            details={"field": f"policy.{name}"},
        )
    return key
