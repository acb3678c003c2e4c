"""Saying what is being done while it is done."""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager


class Progress:
    """Stages with the time that each took."""

    def __init__(self, title: str) -> None:
        """Begin."""
        self._began = time.monotonic()
        print(title, flush=True)

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        """One stage, named while it runs; what fails inside is named too."""
        before = time.monotonic()
        if sys.stdout.isatty():
            print(f"  … {name}", end="\r", flush=True)
        try:
            yield
        except BaseException:
            print(f"  ✗ {name}", flush=True)
            raise
        print(f"  ✓ {name:<58} {time.monotonic() - before:4.1f} s", flush=True)

    def ready(self) -> None:
        """Everything is there."""
        print(f"Ready in {time.monotonic() - self._began:.1f} s.", flush=True)
