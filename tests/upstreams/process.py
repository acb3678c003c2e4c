"""A server as a child process: started, waited for, stopped, and dead when its parent dies."""

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
_PATIENCE = 30.0
_POLL = 0.02


class Unavailable(Exception):  # noqa: N818  a fact about the machine, not an error
    """This machine cannot run the server; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that accepts connections."""

    url: str
    pid: int


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextlib.contextmanager
def running(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, url: str | None = None
) -> Generator[Running]:
    """Run a server for the block.

    Args:
        command: the program, run in the root of the checkout.
        env: added to the environment.
        url: where it will listen; without it, its first line must announce `{"url": …}`.

    """
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if url is None else complaints,
            stderr=complaints,
            start_new_session=True,
            preexec_fn=_dies_with_us(),  # noqa: PLW1509  the only hook between fork and exec
        )
        try:
            yield Running(_accepting(process, url, complaints), process.pid)
        finally:
            _stop(process)


def _accepting(process: subprocess.Popen[bytes], url: str | None, complaints: IO[bytes]) -> str:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        found = url if url is not None else _announced(process)
        if found is not None and _answers(found):
            return found
        time.sleep(_POLL)
    complaints.seek(0)
    said = complaints.read()[-2000:].decode(errors="replace")
    raise RuntimeError(f"{process.args!r} did not begin to listen:\n{said}")


def _announced(process: subprocess.Popen[bytes]) -> str | None:
    if process.stdout is None or not select.select([process.stdout], [], [], _POLL)[0]:
        return None
    line = process.stdout.readline()
    return str(json.loads(line)["url"]) if line else None


def _answers(url: str) -> bool:
    host, _, port = url.split("/")[2].partition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
        return True
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    for insist in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, insist)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
            break
    if process.stdout is not None:
        process.stdout.close()


def _dies_with_us() -> Callable[[], None] | None:
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(1, signal.SIGKILL)  # 1: PR_SET_PDEATHSIG
