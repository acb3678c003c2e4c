"""How commands show things: tables on a terminal, plain tab-separated lines in a pipe."""

import datetime as dt
import json
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

console = Console(highlight=False, soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, none: str = "None.") -> None:
    """Rows under headings; in a pipe without the headings.

    Args:
        columns: the headings.
        rows: a cell for each.
        none: said on stderr where there is no row, so that a pipe stays clean.

    """
    rows = list(rows)
    if not rows:
        print(none, file=sys.stderr)
        return
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(str(cell) for cell in row))
        return
    shown = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        shown.add_row(*(str(cell) for cell in row))
    console.print(shown)


def document(value: object) -> None:
    """A JSON value, indented."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def moment(seconds: float | None) -> str:
    """A time as people write it; empty for none."""
    if seconds is None:
        return ""
    return dt.datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
