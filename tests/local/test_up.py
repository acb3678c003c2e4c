"""One command runs all of Executor on one machine, keeps its state, and leaves nothing behind."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest
import yaml

from tests.local.running import eventually, executor, local
from tests.upstreams import crm, sdk_command

KEY = "crm-key-of-this-test"


@pytest.fixture(scope="module")
def upstream() -> Generator[str]:
    with crm(KEY) as server:
        yield server.url


def document(folder: Path, url: str) -> Path:
    """The REST example behind an API key; creating a customer needs approval by default."""
    host = url.removeprefix("http://")
    root = Path(__file__).parents[2]
    (folder / "crm.yaml").write_text((root / "examples/crm/openapi.yaml").read_text())
    path = folder / "executor.yaml"
    path.write_text(
        f"""apiVersion: executor/v1
integrations:
  - slug: crm
    kind: openapi
    openapi: {{spec: ./crm.yaml, server: "{url}"}}
    network: {{allow: ["{host}"]}}
connections:
  - {{integration: crm, name: main, owner: org, credential: {{env: CRM_KEY}}}}
"""
    )
    return path


def test_state_survives_a_restart(tmp_path: Path, upstream: str) -> None:
    directory, path = tmp_path / "data", document(tmp_path, upstream)
    with local(directory) as first:
        applied = executor(directory, "apply", "-f", str(path), CRM_KEY=KEY)
        assert applied.returncode == 0, applied.stderr
        asked = executor(directory, "call", "crm__customers_create", '--json={"body": {"name": "Ada"}}')
        assert asked.returncode == 3, asked.stdout + asked.stderr
        token = first.token()
        assert first.stop() == 0
    with local(directory) as second:
        assert second.token() == token
        waiting = executor(directory, "approvals", "list").stdout.split("\t")
        assert waiting[1:4] == ["pending", "crm.org.main.customers.create", "agent"]
        assert executor(directory, "approvals", "approve", waiting[0]).returncode == 0
        done = executor(directory, "call", "crm__customers_create", '--json={"body": {"name": "Ada"}}')
        assert (done.returncode, '"name": "Ada"' in done.stdout) == (0, True), done.stdout + done.stderr


def test_the_agent_of_the_machine_cannot_approve_what_it_asked_for(tmp_path: Path, upstream: str) -> None:
    directory, path = tmp_path / "data", document(tmp_path, upstream)
    with local(directory) as running:
        assert executor(directory, "apply", "-f", str(path), CRM_KEY=KEY).returncode == 0
        executor(directory, "call", "crm__customers_create", '--json={"body": {"name": "Eve"}}')
        waiting = executor(directory, "approvals", "list").stdout.split("\t")[0]
        tried = executor(
            directory,
            "approvals",
            "approve",
            waiting,
            EXECUTOR_URL=running.url,
            EXECUTOR_TOKEN=running.token("agent"),
        )
        assert tried.returncode == 1
        assert executor(directory, "approvals", "show", waiting).stdout.count('"state": "pending"') == 1


def test_two_data_directories_run_side_by_side(tmp_path: Path) -> None:
    with local(tmp_path / "a") as one, local(tmp_path / "b") as other:
        assert one.url != other.url
        mixed = executor(tmp_path / "a", "tools", "list", EXECUTOR_URL=other.url, EXECUTOR_TOKEN=one.token())
        assert mixed.returncode == 1
        assert executor(tmp_path / "b", "tools", "list").returncode == 0


def test_a_second_start_on_one_directory_is_told_of_the_first(tmp_path: Path) -> None:
    with local(tmp_path) as running:
        again = executor(tmp_path, "up", "--port", "0")
        assert again.returncode == 1
        assert running.url in again.stderr


def test_a_taken_port_is_named_and_nothing_is_left_running(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = executor(tmp_path, "up", "--port", port)
    assert refused.returncode == 1
    assert f"127.0.0.1:{port}" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not [
        p for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(p.info["cmdline"] or ())
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_status_zero_and_takes_its_children_along(
    number: signal.Signals, tmp_path: Path
) -> None:
    with local(tmp_path) as running:
        children = running.children()
        assert {"nats-server", "postgres"} <= {child.name() for child in children}
        running.process.send_signal(number)
        assert running.process.wait(40) == 0
        assert eventually(lambda: not any(child.is_running() for child in children))
    assert not (tmp_path / "running.json").exists()


def test_nothing_outlives_a_kill_not_even_an_upstream_over_stdio(tmp_path: Path) -> None:
    document = {
        "apiVersion": "executor/v1",
        "integrations": [{"slug": "notes", "kind": "mcp", "mcp": {"command": sdk_command()}}],
        "connections": [{"integration": "notes", "name": "main", "owner": "org"}],
    }
    (tmp_path / "stdio.yaml").write_text(yaml.safe_dump(document))
    with local(tmp_path / "data", "--config", str(tmp_path / "stdio.yaml")) as running:
        assert "hello" in executor(running.directory, "call", "notes__echo", "text=hello").stdout
        children = running.children()
        commands = " ".join(" ".join(child.cmdline()) for child in children)
        assert all(name in commands for name in ("nats-server", "postgres", "sdk_server.py"))
        running.process.kill()
        running.process.wait(10)
        assert eventually(lambda: not any(child.is_running() for child in children))
    with local(tmp_path / "data") as again:
        assert executor(again.directory, "tools", "list").returncode == 0
        assert again.stop() == 0


@pytest.mark.parametrize(("server", "name"), [("nats-server", "NATS"), ("postgres", "PostgreSQL")])
def test_it_does_not_go_on_without_one_of_its_servers(server: str, name: str, tmp_path: Path) -> None:
    with local(tmp_path) as running:
        direct = psutil.Process(running.process.pid).children(recursive=True)
        next(child for child in direct if child.name() == server).kill()
        assert running.process.wait(60) == 1
        assert running.process.stdout is not None
        assert f"{name} ended by itself" in running.process.stdout.read()
        assert eventually(lambda: not any(child.is_running() for child in direct))


def test_what_it_prints_is_what_clients_need(tmp_path: Path) -> None:
    with local(tmp_path) as running:
        said = "\n".join(running.said)
        assert f"claude mcp add --transport http executor {running.url}/mcp" in said
        assert str(tmp_path / "agent-token") in said
        assert running.token() not in said
        assert running.token("agent") not in said


def test_an_unknown_setting_is_refused_with_the_near_ones(tmp_path: Path) -> None:
    refused = executor(tmp_path, "up", EXECUTOR_GATEWAY__CAL_TIMEOUT="5")
    assert refused.returncode == 1
    assert "EXECUTOR_GATEWAY__CALL_TIMEOUT" in refused.stderr


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = executor(tmp_path / "file" / "data", "up", "--port", "0")
    assert refused.returncode == 1
    assert "cannot be used" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """Four megabytes: not enough for PostgreSQL."""
    place = tmp_path / "small"
    place.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small disk needs root")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], check=False)
    if mounted.returncode:
        pytest.skip("this machine does not let a small disk be mounted")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


@pytest.mark.parametrize("full", [False, True], ids=["becomes full", "is full"])
def test_a_full_disk_is_said_plainly(small_disk: Path, full: bool) -> None:
    if full:
        with contextlib.suppress(OSError), (small_disk / "filler").open("wb") as filler:
            while True:
                filler.write(b"\0" * 65536)
    refused = executor(small_disk / "data", "up", "--port", "0")
    assert refused.returncode == 1
    assert "disk" in refused.stderr or "No space left" in refused.stderr
    assert "Traceback" not in refused.stderr
