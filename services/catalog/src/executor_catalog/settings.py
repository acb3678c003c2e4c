"""Settings of the catalog."""

from pydantic import Field

from executor_catalog.domain.naming import DEFAULT_LIMIT, MAX_LIMIT, MIN_LIMIT
from executor_shared.settings import Block, DatabaseSettings, ServiceSettings


class CatalogBlock(Block):
    """What an operator decides about the catalog."""

    name_limit: int = Field(
        DEFAULT_LIMIT,
        ge=MIN_LIMIT,
        le=MAX_LIMIT,
        description="Most characters of a tool name that MCP clients see; names once given stay.",
    )
    kinds: tuple[str, ...] = Field(
        ("mcp", "openapi", "graphql"),
        min_length=1,
        description="Adapter kinds that integrations may have.",
    )
    pool: str = Field(
        "default", pattern="^[a-z0-9_-]+$", description="Pool of adapters that is asked for tools."
    )


class CatalogSettings(ServiceSettings):
    """Everything the catalog reads from its environment."""

    database: DatabaseSettings = DatabaseSettings()  # pyright: ignore[reportCallIssue]
    catalog: CatalogBlock = CatalogBlock()  # pyright: ignore[reportCallIssue]
