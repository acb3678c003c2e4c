"""A PostgreSQL of our own as a child process: no network, a password, and it never outlives us."""

import asyncio
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO
from urllib.parse import quote

import structlog
from pydantic import SecretStr

from executor_shared.errors import ConflictError, UnavailableError
from executor_shared.servers.postgres_binaries import Binaries, choose
from executor_shared.settings import DatabaseSettings

_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.postgres")
USER = "executor"
_INITDB_SECONDS = 120.0
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_ORPHAN_SECONDS = 10.0
_POLL_SECONDS = 0.02
_SOCKET_NAME = ".s.PGSQL.5432"
_SOCKET_LIMIT = 107
_READY_LINE = 8

# Runs the server only as long as its parent lives: the kernel sends it SIGINT (a fast, clean shutdown) when
# the parent is gone, even by SIGKILL. Arguments: the parent's process id, then the command.
_LEASH = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 2, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


class PostgresServer:
    """A server under `home`: `home/data` is its cluster, `home/password` (0600) its only password.

    Use `running`, or in this order `prepare`, `spawn` (in the thread that lives as long as the server
    shall: the leash is tied to it), `wait_ready`, and at the end `stop`.
    """

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        """Look at `home`; nothing happens before `prepare`.

        Args:
            home: a directory of its own, created if missing.
            durable: False gives up safety against power cuts for speed; for tests only.

        """
        self.home = home
        self._data = home / "data"
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets = home / "run"
        self._lock: IO[bytes] | None = None
        self._binaries: Binaries | None = None
        self._password = ""

    def settings(self, database: str = "postgres", *, pool_size: int = 10) -> DatabaseSettings:
        """How to reach a database of this server."""
        where = quote(str(self._sockets), safe="/")
        url = f"postgresql+asyncpg://{USER}:{self._password}@/{database}?host={where}"
        return DatabaseSettings(url=SecretStr(url), pool_size=pool_size)  # pyright: ignore[reportCallIssue]

    def prepare(self) -> None:
        """Choose the binaries and create the cluster if there is none. Blocks for about a second.

        Raises:
            UnavailableError: no usable binaries, a full disk, a directory that cannot be used.
            ConflictError: another server runs from here.

        """
        try:
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.home.chmod(0o700)
            self._take_lock()
            self._binaries = choose(self._data)
            self._password = self._read_password()
            if not (self._data / "PG_VERSION").exists():
                self._create_cluster(self._binaries)
            self._clear_the_way()
            self._choose_socket_folder()
        except OSError as error:
            raise UnavailableError(
                f"PostgreSQL cannot be prepared in {self.home}: {error.strerror}."
            ) from error

    def _take_lock(self) -> None:
        self._lock = (self.home / "lock").open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise ConflictError(f"Another Executor already runs the PostgreSQL in {self.home}.") from error

    def _read_password(self) -> str:
        path = self.home / "password"
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(32))
        return path.read_text(encoding="ascii").strip()

    def _create_cluster(self, binaries: Binaries) -> None:
        """Create it beside its place and move it there whole: a creation that was cut short leaves nothing."""
        fresh = self.home / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        arguments = ["-D", str(fresh), "-U", USER, "-E", "UTF8", "--locale=C.UTF-8", "-A", "scram-sha-256"]
        arguments += [f"--pwfile={self.home / 'password'}", "--no-instructions"]
        arguments += [] if self._durable else ["--no-sync"]
        done = subprocess.run(  # noqa: S603 - our own binaries and arguments
            binaries.command("initdb", arguments), capture_output=True, timeout=_INITDB_SECONDS, check=False
        )
        if done.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise self._refusal("could not be created", (done.stdout + done.stderr).decode(errors="replace"))
        fresh.rename(self._data)

    def _clear_the_way(self) -> None:
        """Wait for an orphan of a killed parent to end; drop the trace of one that ended without cleaning."""
        pid_file = self._data / "postmaster.pid"
        until = time.monotonic() + _ORPHAN_SECONDS
        while (pid := _serving(pid_file, self._data)) is not None:
            if time.monotonic() > until:
                raise ConflictError(
                    f"PostgreSQL (process {pid}) still runs from {self._data}. Stop it, then start again."
                )
            time.sleep(_POLL_SECONDS)
        pid_file.unlink(missing_ok=True)

    def _choose_socket_folder(self) -> None:
        """`home/run`, or where its path is too long for a socket a short private folder that it links to."""
        plain = self.home / "run"
        if plain.is_symlink():
            shutil.rmtree(plain.readlink(), ignore_errors=True)
            plain.unlink()
        if len(os.fsencode(plain / _SOCKET_NAME)) <= _SOCKET_LIMIT:
            plain.mkdir(exist_ok=True, mode=0o700)
            self._sockets = plain
            return
        if plain.is_dir():
            shutil.rmtree(plain)
        self._sockets = Path(tempfile.mkdtemp(prefix="executor-pg-"))
        plain.symlink_to(self._sockets)

    def spawn(self) -> None:
        """Start the server process."""
        binaries = self._binaries
        if binaries is None:
            raise RuntimeError("prepare comes before spawn")
        arguments = ["-D", str(self._data), "-k", str(self._sockets), "-c", "listen_addresses="]
        arguments += ["-c", "unix_socket_permissions=0700", "-c", "max_connections=100"]
        if not self._durable:
            arguments += ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
        command = binaries.command("postgres", arguments, leash=_leash())
        with (self.home / "log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own binaries and arguments
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def wait_ready(self) -> None:
        """Block until it accepts connections.

        Raises:
            UnavailableError: it ended, or was not ready in time; names the reason and the log file.

        """
        until = time.monotonic() + _START_SECONDS
        while not self._says_ready():
            if self._process is None or self._process.poll() is not None:
                raise self._refusal("ended at start", (self.home / "log").read_text(errors="replace"))
            if time.monotonic() > until:
                raise UnavailableError(f"PostgreSQL was not ready in {_START_SECONDS:.0f} s.")
            time.sleep(_POLL_SECONDS)
        _log.info("postgres.started", home=str(self.home))

    def _says_ready(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= _READY_LINE and lines[_READY_LINE - 1].strip() == "ready"

    def stop(self) -> None:
        """End every session, write what is in memory, and wait until it is gone."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                _log.warning("postgres.killed", home=str(self.home))
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait(_STOP_SECONDS)
        if self._sockets.parent != self.home:
            shutil.rmtree(self._sockets, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()

    @property
    def alive(self) -> bool:
        """Whether the server process runs."""
        return self._process is not None and self._process.poll() is None

    def _refusal(self, what: str, output: str) -> UnavailableError:
        tail = [line for line in output.splitlines() if line.strip()][-3:]
        if "No space left on device" in output:
            return UnavailableError(f"PostgreSQL {what}: the disk of {self.home} is full. Free some space.")
        if "unshare" in output or "Operation not permitted" in output:
            return UnavailableError(
                f"PostgreSQL {what}: it refuses to run as root, and this machine forbids user namespaces. "
                "Run Executor as an ordinary user, or name a database in EXECUTOR_DATABASE__URL."
            )
        return UnavailableError(f"PostgreSQL {what} ({self.home / 'log'}): " + " / ".join(tail))


def _leash() -> list[str]:
    if not sys.platform.startswith("linux"):
        return []
    return [sys.executable, "-I", "-S", "-c", _LEASH, str(os.getpid())]


def _serving(pid_file: Path, data: Path) -> int | None:
    """The process that serves `data`, where it is really a PostgreSQL and not a reused process id."""
    try:
        pid = int(pid_file.read_text().splitlines()[0])
        os.kill(pid, 0)
    except (OSError, ValueError, IndexError):
        return None
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None if sys.platform.startswith("linux") else pid
    return pid if os.fsencode(data) in command else None


@asynccontextmanager
async def running(home: Path, *, durable: bool = True) -> AsyncGenerator[PostgresServer]:
    """A server for the block; call it from the main thread, whose end is the server's end too.

    Raises:
        UnavailableError: it cannot be started; the message says why and what to do.
        ConflictError: another one runs from here.

    """
    server = PostgresServer(home, durable=durable)
    try:
        await asyncio.to_thread(server.prepare)
        server.spawn()
        await asyncio.to_thread(server.wait_ready)
        yield server
    finally:
        await asyncio.shield(asyncio.to_thread(server.stop))
