"""`executor up` as a child process, and what it leaves behind."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

SECONDS = 40.0
COMMAND = (sys.executable, "-m", "executor_cli.main")


def environment(directory: Path, **more: str) -> dict[str, str]:
    """Commands under test see this data directory and nothing of the developer's own."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("EXECUTOR_")}
    return {**own, "EXECUTOR_DATA_DIR": str(directory), **more}


def executor(directory: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(directory, **more),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether it becomes true in time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@dataclass
class Local:
    """A running `executor up`."""

    directory: Path
    process: subprocess.Popen[str]
    said: list[str]

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(json.loads((self.directory / "running.json").read_text())["url"])

    def token(self, whose: str = "admin") -> str:
        """A token of this installation."""
        return (self.directory / f"{whose}-token").read_text().strip()

    def children(self) -> list[psutil.Process]:
        """Every process that it started, and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self) -> int:
        """End it as Ctrl-C or a service manager would; its exit status."""
        self.process.terminate()
        return self.process.wait(SECONDS)


@contextmanager
def local(directory: Path, *options: str) -> Generator[Local]:
    """A running `executor up` on a free port, stopped at the end if it still runs."""
    process = subprocess.Popen(
        [*COMMAND, "up", "--port", "0", *options],
        env=environment(directory, PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said: list[str] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line.rstrip())
            if "Ctrl-C stops everything" in line:
                break
        assert process.poll() is None, "\n".join(said)
        yield Local(directory, process, said)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        if process.stdout:
            process.stdout.close()
