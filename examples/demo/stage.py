"""What the demonstration runs on: child processes on free ports, gone at its end."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

_HERE = Path(__file__).parent
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0


@dataclass
class Stage:
    """One run: its folder, its secrets, its processes."""

    folder: Path
    secrets: dict[str, str] = field(
        default_factory=lambda: {
            name: secrets.token_urlsafe(24) for name in ("CRM_KEY", "PROJECTS_TOKEN", "ALICE_KEY", "BOB_KEY")
        }
    )
    executor_url: str = ""
    crm_url: str = ""

    @contextmanager
    def process(self, *command: str) -> Generator[subprocess.Popen[str]]:
        """A child process, stopped at the end; what it logs goes to a file in the folder."""
        log = (self.folder / f"{command[1].replace('.', '-')}.log").open("w")
        child = subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
            log.close()

    @contextmanager
    def upstream(self, module: str, *options: str) -> Generator[str]:
        """An example upstream; its address."""
        with self.process("-m", module, *options) as child:
            line = child.stdout.readline() if child.stdout else ""
            if not line:
                raise SystemExit(f"{module} did not start; see {self.folder}.")
            yield str(json.loads(line)["url"])

    @contextmanager
    def executor(self) -> Generator[list[str]]:
        """`executor up` in an empty data directory; the lines that it said until it was ready."""
        data = self.folder / "data"
        with self.process("-m", "executor_cli.main", "up", "--data-dir", str(data), "--port", "0") as child:
            said = self._until_ready(child)
            self.executor_url = str(json.loads((data / "running.json").read_text())["url"])
            yield said

    def _until_ready(self, child: subprocess.Popen[str]) -> list[str]:
        said: list[str] = []
        until = time.monotonic() + _START_SECONDS
        while child.stdout and (line := child.stdout.readline()):
            said.append(line.rstrip())
            if line.startswith("Ready"):
                return said
            if time.monotonic() > until:
                break
        raise SystemExit("Executor did not start:\n" + "\n".join(said))

    @property
    def admin_token(self) -> str:
        """The administrator's token of this run."""
        return (self.folder / "data" / "admin-token").read_text().strip()

    def document(self, crm: str, graph: str) -> Path:
        """The configuration document of this run, with the description beside it."""
        self.crm_url = crm
        values = {
            "python": sys.executable,
            "repository": str(self.repository()),
            "crm": crm,
            "crm_host": urlsplit(crm).netloc,
            "graph": graph,
            "graph_host": urlsplit(graph).netloc,
        }
        text = (_HERE / "executor.yaml").read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        description = (_HERE.parent / "crm" / "openapi.yaml").read_text()
        (self.folder / "crm.yaml").write_text(description)
        path = self.folder / "executor.yaml"
        path.write_text(text)
        return path

    def repository(self) -> Path:
        """A small git repository with a history."""
        place = self.folder / "repository"
        if not place.exists():
            place.mkdir()
            who = ("-c", "user.name=Demo", "-c", "user.email=demo@example.com")
            for command in (("init", "-q"), *(("commit", "-q", "--allow-empty", "-m", m) for m in _HISTORY)):
                subprocess.run(["git", *who, *command], cwd=place, check=True)
        return place


_HISTORY = ("Begin", "Sell to three customers", "Write down what was promised")
