"""How the demonstration tells what it does."""

import json
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

_WIDTH = min(shutil.get_terminal_size((100, 24)).columns, 110)
_BOLD, _DIM, _PLAIN = "\033[1m", "\033[2m", "\033[0m"


def _styled(style: str, text: str) -> str:
    """Bold or dim, where it is a terminal that shows it."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"{style}{text}{_PLAIN}"


class Story:
    """Numbered steps in plain words."""

    def __init__(self) -> None:
        self._number = 0
        self._began = time.monotonic()

    @contextmanager
    def step(self, title: str) -> Generator[None]:
        """One step; what is said inside belongs to it."""
        self._number += 1
        print(f"\n{_styled(_BOLD, f'{self._number}. {title}')}", flush=True)
        before = time.monotonic()
        yield
        self.say(f"✓ {time.monotonic() - before:.1f} s", dim=True)

    def say(self, text: str, *, dim: bool = False) -> None:
        """A sentence or several lines."""
        for line in text.splitlines():
            shown = textwrap.fill(line, _WIDTH - 3, initial_indent="   ", subsequent_indent="   ") or ""
            print(_styled(_DIM, shown) if dim else shown, flush=True)

    def show(self, value: Any, *, limit: int = 300) -> None:
        """A JSON value, shortened."""
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        short = " ".join(text.split())
        self.say("→ " + (short if len(short) <= limit else f"{short[:limit]} …"))

    def end(self) -> None:
        """The last words."""
        print(
            f"\nDone in {time.monotonic() - self._began:.0f} s. Nothing is left running. Next: make up\n",
            flush=True,
        )


def check(truth: object, otherwise: str) -> None:
    """The demonstration must show what it says.

    Raises:
        SystemExit: with `otherwise`, when `truth` does not hold.

    """
    if not truth:
        raise SystemExit(f"The demonstration failed: {otherwise}")
