"""A child process that dies with us, with bounded lines in and its complaints in the log."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from executor_shared.errors import UpstreamError

MAX_LINE = 16 * 1024 * 1024
"""Bytes that one message of a local server may have."""

_STDERR_LINE = 1024
_STDERR_LINES = 200
_PATIENCE = 2.0
_PR_SET_PDEATHSIG = 1
_log = structlog.get_logger()


def _death_note() -> Callable[[], None] | None:
    """What the child runs before the program: on Linux, ask to be killed when the worker dies."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def note() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return note


@dataclass(frozen=True, slots=True)
class Program:
    """What is to be run.

    Attributes:
        command: the program and its arguments.
        env: its environment, beside PATH and HOME of ours.
        label: how it is called in the log.
        folder: where it runs; a relative path of the program begins there.
        secrets: texts that are blotted out where the program complains.

    """

    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    label: str = "local"
    folder: str = os.sep
    secrets: tuple[str, ...] = field(default=(), repr=False)


class Child:
    """A running program that speaks in lines on its standard input and output."""

    def __init__(self, process: asyncio.subprocess.Process, label: str, secrets: tuple[str, ...]) -> None:
        self._process = process
        self._label = label
        self._secrets = secrets
        self._writing = asyncio.Lock()
        self._complaints = asyncio.get_running_loop().create_task(self._log_stderr())

    @classmethod
    async def start(cls, program: Program) -> "Child":
        """Start the program with its environment and, of ours, only PATH and HOME.

        Raises:
            UpstreamError: it cannot be started; nothing was sent.

        """
        own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        try:
            process = await asyncio.create_subprocess_exec(
                *program.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**own, **program.env},
                cwd=program.folder,
                limit=MAX_LINE,
                start_new_session=True,  # so that it can be stopped with everything it started
                preexec_fn=_death_note(),
            )
        except (OSError, ValueError) as error:
            raise UpstreamError(
                f"The program {program.command[0]!r} of {program.label} cannot be started in the folder "
                f"{program.folder!r}: {_reason(error)}.",
                sent=False,
            ) from error
        return cls(process, program.label, program.secrets)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.returncode is None

    async def write(self, line: bytes) -> None:
        """Send one line.

        Raises:
            ConnectionError: it no longer listens; part of the line may have arrived.

        """
        stdin = self._process.stdin
        if stdin is None:
            raise ConnectionError
        async with self._writing:
            stdin.write(line + b"\n")
            await stdin.drain()

    async def read(self) -> bytes:
        """The next line; empty at the end.

        Raises:
            ValueError: a line beyond `MAX_LINE`.

        """
        return await self._process.stdout.readline() if self._process.stdout else b""

    async def stop(self) -> None:
        """Ask it to end by closing its input; insist by signals. Waits in all a few seconds at most."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        for insist in (None, signal.SIGTERM, signal.SIGKILL):
            if insist is not None:
                self._signal(insist)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self._process.wait()
                    break
        self._signal(signal.SIGKILL)  # what it left behind in its group
        self._complaints.cancel()
        await asyncio.gather(self._complaints, return_exceptions=True)

    def _signal(self, which: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, which)

    async def _log_stderr(self) -> None:
        """Log the first lines of what it complains about, and drain the rest unread."""
        stderr, lines, rest = self._process.stderr, 0, b""
        if stderr is None:
            return
        while chunk := await stderr.read(64 * 1024):
            if lines >= _STDERR_LINES:
                continue
            *whole, rest = (rest + chunk).split(b"\n")
            rest = rest[-64 * 1024 :]
            for line in whole[: _STDERR_LINES - lines]:
                lines += 1
                _log.debug("mcp.stdio.stderr", server=self._label, line=self._shown(line))

    def _shown(self, line: bytes) -> str:
        text = "".join(each for each in line.decode(errors="replace") if each.isprintable())
        for secret in self._secrets:
            text = text.replace(secret, "[redacted]")
        return text[:_STDERR_LINE]


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "its command or environment cannot be used"
