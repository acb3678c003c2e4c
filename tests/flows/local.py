"""The `executor` command as child processes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psutil

from tests.upstreams import ROOT

PATIENCE = 40.0
COMMAND = [sys.executable, "-m", "executor_cli.main"]


@dataclass
class Up:
    """A started `executor up`."""

    data: Path
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list[str])
    ready: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(json.loads((self.data / "running.json").read_text())["url"])

    def rest(self, who: str = "admin") -> httpx2.Client:
        """The REST API."""
        token = (self.data / f"{who}-token").read_text().strip()
        headers = {"authorization": f"Bearer {token}"}
        return httpx2.Client(base_url=f"{self.url}/api/v1/", headers=headers, trust_env=False, timeout=60)

    def children(self) -> list[psutil.Process]:
        """Its nats-server and its PostgreSQL, with all of theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def wait_ready(self) -> None:
        """Until it says so."""
        reader = threading.Thread(target=self._listen, daemon=True)
        reader.start()
        if not self.ready.wait(PATIENCE) or not self.said[-1].startswith("Ready in"):
            raise AssertionError("\n".join(self.said))

    def _listen(self) -> None:
        """Keep what it says until it is ready; afterwards only empty the pipe."""
        for line in self.process.stdout or ():
            if not self.ready.is_set():
                self.said.append(line.rstrip())
            if line.startswith("Ready in"):
                self.ready.set()
        self.ready.set()

    def ends(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Its exit status after a signal."""
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)


def environment(data: Path) -> dict[str, str]:
    """Of a command that works on this data directory."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EXECUTOR_")}
    return {**kept, "EXECUTOR_DATA_DIR": str(data), "PYTHONUNBUFFERED": "1"}


@contextlib.contextmanager
def up(data: Path, *options: str) -> Generator[Up]:
    """`executor up`, ready, for the block."""
    with (data.parent / f"{data.name}.log").open("wb") as complaints:
        process = subprocess.Popen(
            [*COMMAND, "up", "--port", "0", *options],
            cwd=ROOT,
            env=environment(data),
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
        )
        started = Up(data, process)
        try:
            started.wait_ready()
            yield started
        finally:
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()
                if process.stdout:
                    process.stdout.close()


def refused(data: Path, *options: str) -> str:
    """What `executor up` says when it cannot start: plain words on stderr, exit status 1, nothing left."""
    done = subprocess.run(
        [*COMMAND, "up", *options],
        cwd=ROOT,
        env=environment(data),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr


def executor(data: Path, *arguments: str, **secrets: str) -> str:
    """What another command prints."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=data.parent,
        env={**environment(data), **secrets},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done
    return done.stdout


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run."""

    def runs(process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        return False

    return [process for process in processes if runs(process)]
