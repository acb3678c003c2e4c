"""MCP towards clients, in both protocol eras, as a plain ASGI application."""

from executor_gateway.mcp.app import Mcp

__all__ = ["Mcp"]
