"""The `executor` command."""

import sys

from cyclopts import App

from executor_cli.errors import CommandError
from executor_shared.errors import ExecutorError

app = App(
    name="executor",
    help="One MCP endpoint in front of every integration of a company.\n\n"
    "Commands find the Executor that runs from the data directory (EXECUTOR_DATA_DIR), or the one named by "
    "EXECUTOR_URL with EXECUTOR_TOKEN.",
    version="0.1.0",
)
_INTERRUPTED = 130
_COMMANDS = {
    "up": ("up:up", "Start all of Executor on this machine, until Ctrl-C."),
    "plan": ("documents:plan", "Show what `apply` would change."),
    "apply": ("documents:apply", "Make the configuration as documents say: all of it or nothing."),
    "export": ("documents:export", "Print what is configured, as a document."),
    "tools": ("tools:app", "Find the tools of the catalog."),
    "call": ("call:call", "Call a tool as an agent would."),
    "approvals": ("approvals:app", "Decide calls that wait for a person."),
    "definitions": ("definitions:app", "Accept or reject tools that an upstream changed."),
    "calls": ("calls:app", "Look up what was called and how it ended."),
    "mcp": ("mcp:mcp", "Speak MCP on stdin and stdout, for clients that start a command."),
}
for _name, (_place, _help) in _COMMANDS.items():
    app.command(f"executor_cli.commands.{_place}", name=_name, help=_help)  # loaded when it is asked for


def main() -> None:
    """Run; failures that we know are a sentence on stderr and exit status 1."""
    try:
        app()
    except CommandError as error:
        sys.exit(str(error))
    except ExecutorError as error:
        details: object = error.details.get("errors")
        lines = details if isinstance(details, list) else []
        sys.exit("\n".join(map(str, lines)) or error.message)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
