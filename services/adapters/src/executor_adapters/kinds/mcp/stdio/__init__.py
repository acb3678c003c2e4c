"""MCP servers that are child processes of the worker."""

from executor_adapters.kinds.mcp.stdio.child import Child, Program
from executor_adapters.kinds.mcp.stdio.local import LocalConversation, connect

__all__ = ["Child", "LocalConversation", "Program", "connect"]
