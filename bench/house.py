"""Starting and stopping what is measured, and what it costs: CPU and memory by process."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.upstream import KEY, description

_START_SECONDS = 60


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def child(*command: str, **environment: str) -> Generator[psutil.Process]:
    """A child process, stopped at the end with everything it started."""
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_for_port(port: int) -> None:
    """Return once something listens there."""
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


@dataclass(frozen=True, slots=True)
class Started:
    """A running Executor."""

    url: str
    token: str
    process: psutil.Process
    seconds: float


@contextmanager
def executor(directory: Path) -> Generator[Started]:
    """`executor up` on an empty data directory."""
    port, before = free_port(), time.monotonic()
    command = (
        sys.executable,
        "-m",
        "executor_cli.main",
        "up",
        "--data-dir",
        str(directory),
        "--port",
        str(port),
    )
    with child(*command, EXECUTOR_TELEMETRY__LOG_LEVEL="warning") as process:
        running = directory / "running.json"
        until = time.monotonic() + _START_SECONDS
        while not running.exists() and time.monotonic() < until:
            time.sleep(0.05)
        token = (directory / "admin-token").read_text().strip()
        yield Started(f"http://127.0.0.1:{port}", token, process, time.monotonic() - before)


def configure(started: Started, directory: Path, mcp_port: int) -> float:
    """Put both upstreams behind Executor; seconds that it took."""
    network = {"allow": [f"127.0.0.1:{mcp_port}"]}
    mcp = {
        "slug": "bench",
        "kind": "mcp",
        "mcp": {"url": f"http://127.0.0.1:{mcp_port}/mcp"},
        "network": network,
    }
    rest = {"slug": "rest", "kind": "openapi", "openapi": {"spec": "./rest.json"}, "network": network}
    document = {
        "apiVersion": "executor/v1",
        "integrations": [mcp, rest],
        "connections": [
            {"integration": "bench", "name": "main", "owner": "org"},
            {"integration": "rest", "name": "main", "owner": "org", "credential": {"env": "BENCH_KEY"}},
        ],
    }
    (directory / "rest.json").write_text(json.dumps(description(mcp_port)))
    (directory / "bench.yaml").write_text(json.dumps(document))
    before = time.monotonic()
    apply = (sys.executable, "-m", "executor_cli.main", "apply", "-f", str(directory / "bench.yaml"))
    reach = {"EXECUTOR_URL": started.url, "EXECUTOR_TOKEN": started.token, "BENCH_KEY": KEY}
    subprocess.run(apply, env={**os.environ, **reach}, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - before


def cpu(process: psutil.Process) -> dict[str, float]:
    """CPU seconds so far, by name, of a process and its children."""
    spent: dict[str, float] = {}
    for member in [process, *process.children(recursive=True)]:
        try:
            times, name = member.cpu_times(), _name(member)
        except psutil.Error:
            continue
        spent[name] = spent.get(name, 0.0) + times.user + times.system
    return spent


def memory(process: psutil.Process) -> dict[str, float]:
    """PSS in MB, by name, of a process and its children."""
    found: dict[str, float] = {}
    for member in [process, *process.children(recursive=True)]:
        try:
            pss, name = member.memory_full_info().pss, _name(member)
        except (psutil.Error, AttributeError):
            continue
        found[name] = found.get(name, 0.0) + pss / 1e6
    return found


def _name(process: psutil.Process) -> str:
    name = process.name()
    if name.startswith("postgres"):
        return "postgres"
    return "nats" if name.startswith("nats") else "executor"
