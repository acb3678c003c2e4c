"""`executor mcp`: the stdio form of the endpoint."""

from executor_cli.bridge import bridge
from executor_cli.client import find_server


async def mcp(*, toolkit: str | None = None) -> None:
    """Speak MCP on stdin and stdout, bridged to a running Executor, for clients that start a command.

    Acts as the machine's agent, or as the holder of EXECUTOR_TOKEN at EXECUTOR_URL.

    Args:
        toolkit: serve this toolkit instead of the whole catalog.

    """
    server = find_server(agent=True)
    path = f"/mcp/toolkits/{toolkit}" if toolkit else "/mcp"
    await bridge(server.url + path, server.token)
