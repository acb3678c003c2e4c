"""`executor mcp`: MCP over stdio for hosts that launch a command, bridged to a running Executor.

Newline-delimited JSON on stdin and stdout, nothing else on stdout (specification, basic/transports, stdio).
"""

from executor_cli.bridge.bridge import bridge

__all__ = ["bridge"]
