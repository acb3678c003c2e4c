"""Settings blocks that services share. Environment: `EXECUTOR_<BLOCK>__<FIELD>`."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Block(BaseModel):
    """A group of settings; an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BusSettings(Block):
    """How to reach NATS."""

    url: str = Field("nats://127.0.0.1:4222", description="Address of the NATS servers, comma-separated.")
    user: str | None = Field(None, description="User name; the service's own name in our deployments.")
    password: SecretStr | None = Field(None, description="Password of that user.")
    ca_file: str | None = Field(None, description="CA certificates for TLS to NATS.")
    connect_timeout: float = Field(10.0, gt=0, description="Seconds to wait for NATS at start.")


class DatabaseSettings(Block):
    """How to reach PostgreSQL."""

    url: SecretStr = Field(
        SecretStr("postgresql+asyncpg://executor@127.0.0.1:5432/executor"),
        description="SQLAlchemy URL with the asyncpg driver.",
    )
    pool_size: int = Field(10, ge=1, le=100, description="Connections kept open per process.")
    migrate: bool = Field(True, description="Bring the service's own schema up to date at start.")  # noqa: FBT003


class HttpSettings(Block):
    """Where the service listens for HTTP (health and metrics; the gateway's doors)."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(0, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")


class TelemetrySettings(Block):
    """Logs, traces and metrics."""

    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="Least level logged.")
    log_format: str = Field(
        "auto", pattern="^(auto|json|text)$", description="auto: text on a terminal, JSON elsewhere."
    )
    otlp_endpoint: str | None = Field(None, description="OTLP/HTTP base address; traces go to /v1/traces.")
    sample_ratio: float = Field(1.0, ge=0, le=1, description="Share of traces that are recorded.")


class GrantKeysSettings(Block):
    """Public keys of policy, for verifying grants."""

    public_keys: tuple[str, ...] = Field(
        (), description="Ed25519 public keys in base64; the present one and those on their way out."
    )


class ServiceSettings(BaseSettings):
    """What every service has."""

    model_config = SettingsConfigDict(
        env_prefix="EXECUTOR_", env_nested_delimiter="__", extra="ignore", frozen=True
    )

    bus: BusSettings = BusSettings()  # pyright: ignore[reportCallIssue]
    http: HttpSettings = HttpSettings()  # pyright: ignore[reportCallIssue]
    telemetry: TelemetrySettings = TelemetrySettings()  # pyright: ignore[reportCallIssue]
