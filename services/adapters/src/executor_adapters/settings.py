"""Settings of the adapters. Environment: `EXECUTOR_ADAPTERS__<FIELD>` beside the blocks that services share."""

import base64

from pydantic import Field

from executor_shared.errors import InvalidRequestError
from executor_shared.settings import Block, GrantKeysSettings, ServiceSettings

_KEY_BYTES = 32


class AdaptersBlock(Block):
    """What this worker does, and where it may reach."""

    enabled_kinds: tuple[str, ...] = Field(
        ("mcp", "openapi", "graphql"), description="Adapter kinds that this worker performs."
    )
    pool: str = Field("default", pattern="^[a-z0-9_-]+$", description="Pool that this worker belongs to.")
    allow_stdio: bool = Field(
        False,  # noqa: FBT003
        description="Let integrations name commands that this worker runs (MCP over stdio). On in local mode.",
    )
    stdio_folder: str = Field(
        "/",
        min_length=1,
        description="Folder in which those commands run. In local mode: where it was started.",
    )
    allow_loopback: bool = Field(
        False,  # noqa: FBT003
        description="Let integrations name loopback addresses in network.allow. On in local mode.",
    )
    forbidden: tuple[str, ...] = Field(
        (),
        description="CIDR:port or host:port of the installation's own servers, refused whatever is named.",
    )
    max_response_bytes: int = Field(
        1024 * 1024, ge=1024, description="Bytes of an upstream's answer at most."
    )
    max_description_bytes: int = Field(
        32 * 1024 * 1024, ge=1024, description="Bytes of an upstream's description at most."
    )
    discovery_timeout: float = Field(
        60.0, gt=0, le=80, description="Seconds that an upstream may take to say what it offers."
    )
    calls: int = Field(512, ge=1, description="Calls under way in this worker at most.")
    calls_of_one_origin: int = Field(128, ge=1, description="Calls under way to one origin at most.")


class AdaptersSettings(ServiceSettings):
    """All of them."""

    grants: GrantKeysSettings = GrantKeysSettings()  # pyright: ignore[reportCallIssue]
    adapters: AdaptersBlock = AdaptersBlock()  # pyright: ignore[reportCallIssue]


def public_keys(settings: GrantKeysSettings) -> tuple[bytes, ...]:
    """The public keys of policy as bytes.

    Raises:
        InvalidRequestError: none, or one of another form.

    """
    try:
        keys = tuple(base64.b64decode(key, validate=True) for key in settings.public_keys)
    except ValueError:
        keys = ()
    if not keys or any(len(key) != _KEY_BYTES for key in keys):
        raise InvalidRequestError(
            "EXECUTOR_GRANTS__PUBLIC_KEYS: expected a JSON list of Ed25519 public keys of policy in base64.",
            details={"field": "grants.public_keys"},
        )
    return keys
