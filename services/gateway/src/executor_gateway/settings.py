"""Settings of the gateway."""

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from executor_shared.settings import Block, ServiceSettings


class GatewayBlock(Block):
    """The gateway's doors."""

    public_url: str = Field(
        "http://127.0.0.1:8484", description="Where clients and people reach the gateway, without a path."
    )
    allowed_hosts: tuple[str, ...] = Field(
        (),
        description="Further host names that are served, besides that of public_url; `name:port` for one port.",
    )
    allowed_origins: tuple[str, ...] = Field(
        (), description="Further web origins whose pages may ask, e.g. `https://app.example.com`."
    )
    authorization_servers: tuple[str, ...] = Field(
        (),
        description="Issuers named in the metadata of the MCP endpoints, exactly as they write themselves.",
    )
    session_keys: tuple[SecretStr, ...] = Field(
        (),
        description="Keys of at least 32 characters for session ids and cursors, the same on every replica; the "
        "first one seals. Left out, a key is made at start, which serves a single replica only.",
    )
    session_seconds: float = Field(86_400, gt=0, description="How long an MCP session lasts at most.")
    call_timeout: float = Field(60.0, gt=0, le=300, description="Seconds that a call may take.")
    body_limit: int = Field(4 * 1024 * 1024, ge=1_024, description="Bytes of an MCP request body at most.")
    keep_alive: float = Field(
        15.0,
        gt=0,
        description="Seconds of silence after which a comment is sent, so that no proxy closes a stream.",
    )
    calls: int = Field(2_000, ge=1, description="Calls under way in one process at most.")
    calls_of_one: int = Field(
        128, ge=1, description="Calls under way of one principal in one process at most."
    )
    streams: int = Field(1_000, ge=1, description="Open notification streams in one process at most.")
    streams_of_one: int = Field(8, ge=1, description="Open notification streams of one principal at most.")
    pool: str = Field(
        "default", pattern="^[a-z0-9_-]+$", description="Pool of workers that performs the calls."
    )

    @field_validator("public_url")
    @classmethod
    def _bare(cls, value: str) -> str:
        parts = urlsplit(value)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.path.strip("/")
            or parts.query
        ):
            raise ValueError("must be http(s)://host[:port] without a path")
        return value.rstrip("/")

    @field_validator("session_keys")
    @classmethod
    def _long(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(key.get_secret_value().encode()) < 32 for key in value):  # noqa: PLR2004 - as the text says
            raise ValueError("each session key needs at least 32 characters")
        return value


class GatewaySettings(ServiceSettings):
    """Everything that the gateway can be told."""

    gateway: GatewayBlock = GatewayBlock()  # pyright: ignore[reportCallIssue]
