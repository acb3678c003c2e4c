"""The `executor` command."""

import sys

from cyclopts import App

from executor_cli.commands import approvals, calls, tools
from executor_cli.commands.call import call
from executor_cli.commands.documents import apply, export, plan
from executor_cli.commands.mcp import mcp
from executor_cli.commands.up import up
from executor_cli.errors import CommandError
from executor_shared.errors import ExecutorError

app = App(
    name="executor",
    help="One MCP endpoint in front of every integration of a company.\n\n"
    "Commands find the Executor that runs from the data directory (EXECUTOR_DATA_DIR), or the one named by "
    "EXECUTOR_URL with EXECUTOR_TOKEN.",
    version="0.1.0",
)
for command in (up, plan, apply, export, call, mcp):
    app.command(command)
for group in (tools.app, approvals.app, calls.app):
    app.command(group)


def main() -> None:
    """Run; failures that we know are a sentence on stderr and exit status 1."""
    try:
        app()
    except (CommandError, ExecutorError) as error:
        print(error, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
