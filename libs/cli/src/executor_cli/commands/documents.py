"""`executor plan`, `apply` and `export`: the declarative configuration."""

import base64
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from executor_cli.client import Api, Server, open_api
from executor_cli.errors import CommandError
from executor_shared.document import Source, collect, read, request_body

Files = Annotated[tuple[Path, ...], Parameter(name=("--file", "-f"), consume_multiple=True, negative=())]
_SIGNS = {"create": "+", "update": "~", "delete": "-"}


class _Beside:
    """References of documents, resolved where the command runs."""

    def env(self, name: str) -> str | None:
        """The value of an environment variable."""
        return os.environ.get(name)

    def file(self, document: str, path: str) -> str | None:
        """The text of a file beside a document."""
        try:
            return (Path(document).parent / path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None


def _sources(files: Sequence[Path]) -> list[Source]:
    if not files:
        raise CommandError("Name at least one document with -f FILE.")
    return [Source(_text(path), str(path)) for path in files]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"The document {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"The document {path} is not UTF-8.") from error


def check_readable(files: Sequence[Path]) -> None:
    """Read documents in advance.

    Raises:
        CommandError: one cannot be read; names it.

    """
    for path in files:
        _text(path)


async def body_of(api: Api, files: Sequence[Path], *, prune: bool = False) -> dict[str, Any]:
    """The request that plans or applies `files`; credentials leave this process only sealed.

    Raises:
        DocumentError: every problem of every document, with file and line.

    """
    sources = _sources(files)
    collected = collect(read(sources), _Beside())
    key = await api.get("credentials/sealing-key")
    me = await api.get("me")
    return request_body(
        sources,
        collected,
        tenant=str(me["tenant"]),
        public_key=base64.b64decode(key["public_key"]),
        prune=prune,
    )


async def plan(*, file: Files = (), prune: bool = False) -> None:
    """Show what `apply` would change, without changing anything.

    Args:
        file: documents (YAML).
        prune: include removing what the documents do not name.

    """
    async with open_api() as api:
        _show(await api.post("config/plan", await body_of(api, file, prune=prune)), "Would")


async def apply(*, file: Files = (), prune: bool = False) -> None:
    """Make it so: all of the documents or nothing.

    Args:
        file: documents (YAML).
        prune: also remove what the documents do not name.

    """
    async with open_api() as api:
        _show(await api.post("config/apply", await body_of(api, file, prune=prune)), "Did")


async def apply_files(server: Server, files: Sequence[Path]) -> dict[str, Any]:
    """Apply documents at a given server; what changed."""
    async with open_api(server) as api:
        return await api.post("config/apply", await body_of(api, files))


async def export() -> None:
    """Print what is configured, as a document. References to credentials, never credentials."""
    async with open_api() as api:
        sys.stdout.write(await api.text("config"))


def _show(answer: dict[str, Any], verb: str) -> None:
    changes: list[dict[str, Any]] = answer.get("changes") or []
    for change in changes:
        fields = f"  ({', '.join(change['fields'])})" if change.get("fields") else ""
        print(f"{_SIGNS[change['action']]} {change['noun']} {change['key']}{fields}")
    told: list[dict[str, Any]] = answer.get("tools") or []
    for tools in told:
        _show_tools(tools)
    count = f"{len(changes)} change{'' if len(changes) == 1 else 's'}"
    if not changes:
        print("Nothing to change.")
    elif verb == "Would":
        print(f"{count} planned; nothing was changed.")
    else:
        print(f"{count} made.")
    if any(tools.get("held") for tools in told):
        print("Held tools cannot be called until you accept them: executor definitions list")


def _show_tools(tools: dict[str, Any]) -> None:
    counts = {name: len(tools.get(name) or ()) for name in ("added", "changed", "removed", "held")}
    parts = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    if parts:
        print(f"  tools of {tools['connection']}: {parts}")
    for name, reason in (tools.get("set_aside") or {}).items():
        print(f"  ! {name} is set aside: {reason}")
