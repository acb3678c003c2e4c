"""Upstream MCP servers: streamable HTTP in both protocol eras, and stdio."""

from executor_adapters.domain.kind import API_VERSION, AdapterKind
from executor_adapters.kinds.mcp.adapter import open_mcp

__all__ = ["KIND"]

KIND = AdapterKind(name="mcp", api_version=API_VERSION, open=open_mcp)
