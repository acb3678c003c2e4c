from tests.upstreams.fixtures import (
    crm_server,
    everything_server,
    everything_stdio,
    git_repository,
    graph_server,
    mcp_server,
    mcp_server_with_token,
)

__all__ = [
    "crm_server",
    "everything_server",
    "everything_stdio",
    "git_repository",
    "graph_server",
    "mcp_server",
    "mcp_server_with_token",
]
