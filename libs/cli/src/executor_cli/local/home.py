"""The data directory of a local Executor: its secrets, its lock, and what is running from it."""

import base64
import fcntl
import json
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from executor_cli.errors import CommandError

_KEYS = ("grant_seed", "arguments_key", "master_key", "session_key")


def default_data_dir() -> Path:
    """The platform's folder for a user's data."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "executor"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home()))) / "executor"
    return Path(os.environ.get("XDG_DATA_HOME", str(Path.home() / ".local" / "share"))) / "executor"


def data_dir(chosen: Path | None) -> Path:
    """The chosen directory, else `EXECUTOR_DATA_DIR`, else the default."""
    if chosen:
        return chosen.expanduser().resolve()
    named = os.environ.get("EXECUTOR_DATA_DIR")
    return Path(named).expanduser().resolve() if named else default_data_dir()


@dataclass(frozen=True, slots=True)
class Running:
    """What a started Executor says about itself in `running.json`."""

    url: str
    pid: int

    @property
    def alive(self) -> bool:
        """Whether that process still exists."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


class Home:
    """One data directory. Everything secret in it is readable by its owner only."""

    def __init__(self, directory: Path) -> None:
        """Look at `directory`; nothing is created before `prepare`."""
        self.directory = directory
        self._lock: IO[str] | None = None

    def prepare(self) -> None:
        """Create the directory and take its lock.

        Raises:
            CommandError: it cannot be written, the disk is full, or another Executor runs from it.

        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.directory.chmod(0o700)
            self._lock = (self.directory / "lock").open("a", encoding="utf-8")
        except OSError as error:
            raise CommandError(
                f"The data directory {self.directory} cannot be used: {error.strerror}."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            running = self.running()
            where = f" at {running.url} (process {running.pid})" if running else ""
            raise CommandError(
                f"Another Executor already runs from {self.directory}{where}. Use it, stop it, or "
                "choose another folder with --data-dir."
            ) from error

    def keys(self) -> dict[str, str]:
        """The keys of this installation in base64, made on first use."""
        path = self.directory / "keys.json"
        found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        missing = [name for name in _KEYS if name not in found]
        if missing:
            found |= {name: base64.b64encode(secrets.token_bytes(32)).decode() for name in missing}
            self._write(path, json.dumps(found, indent=1))
        return found

    def admin_token(self) -> str:
        """The administrator's token, made on first use."""
        return self._token(self.token_file)

    def agent_token(self) -> str:
        """The token for this machine's agents, made on first use."""
        return self._token(self.agent_token_file)

    def _token(self, path: Path) -> str:
        if not path.exists():
            self._write(path, f"exe_{secrets.token_urlsafe(32)}\n")
        return path.read_text().strip()

    @property
    def token_file(self) -> Path:
        """Where the administrator's token stands."""
        return self.directory / "admin-token"

    @property
    def agent_token_file(self) -> Path:
        """Where the agents' token stands."""
        return self.directory / "agent-token"

    def say_running(self, url: str) -> None:
        """Tell other commands where this Executor listens."""
        self._write(self.directory / "running.json", json.dumps({"url": url, "pid": os.getpid()}))

    def say_stopped(self) -> None:
        """Take that back."""
        (self.directory / "running.json").unlink(missing_ok=True)

    def running(self) -> Running | None:
        """The Executor that runs from here, if any."""
        try:
            found = json.loads((self.directory / "running.json").read_text())
            running = Running(found["url"], found["pid"])
        except (OSError, ValueError, KeyError):
            return None
        return running if running.alive else None

    @staticmethod
    def _write(path: Path, text: str) -> None:
        """Write whole or not at all, readable by the owner only."""
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
