"""`executor up` as its users run it: a child process in a data directory of its own."""

import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import TextContent

from tests.flows.conftest import crm_at
from tests.flows.house import ERAS, eventually
from tests.flows.local import COMMAND, PATIENCE, Up, alive, environment, executor, refused, up
from tests.upstreams import ROOT, Running, sdk_command
from tests.upstreams.fixtures import CRM_KEY

pytestmark = pytest.mark.connected


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Generator[Up]:
    with up(tmp_path_factory.mktemp("local") / "data") as started:
        yield started


def test_it_says_what_it_does_and_how_to_connect(lasting: Up):
    said = "\n".join(lasting.said)
    for stage in ("PostgreSQL (first start", "NATS", "vault-broker, adapters, catalog, policy, gateway"):
        assert stage in said
    names = {process.name() for process in lasting.children()}
    assert "nats-server" in names
    assert any(name.startswith("postgres") for name in names)
    for secret in ("admin-token", "agent-token", "keys.json"):
        assert (lasting.data / secret).stat().st_mode & 0o077 == 0


def test_state_survives_a_restart(tmp_path: Path, crm_server: Running):
    data = tmp_path / "data"
    (tmp_path / "executor.yaml").write_text(
        f"apiVersion: executor/v1\nintegrations:\n{crm_at('crm', crm_server.url, tmp_path)}"
        "connections:\n  - {integration: crm, name: main, owner: org, credential: {env: CRM_SECRET}}\n"
    )
    with up(data) as first:
        executor(data, "apply", "-f", str(tmp_path / "executor.yaml"), CRM_SECRET=CRM_KEY)
        assert "Ada" in executor(data, "call", "crm__customers_get", "id=c1")
        before = executor(data, "export")
        _asks(data)
        with first.rest() as rest:
            (waiting,) = rest.get("approvals?state=pending").json()["items"]
        assert first.ends() == 0
    with up(data) as again:
        assert not any("first start" in line for line in again.said)
        assert executor(data, "export") == before
        assert "Ada" in executor(data, "call", "crm__customers_get", "id=c1")
        with again.rest() as rest:
            assert rest.get(f"approvals/{waiting['id']}").json()["state"] == "pending"
        executor(data, "approvals", "approve", waiting["id"])
        assert "Restarted" in executor(data, "call", "crm__customers_create", "--json", _NEW)


_NEW = '{"body": {"name": "Restarted"}}'


def _asks(data: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "call", "crm__customers_create", "--json", _NEW],
        cwd=data.parent,
        env=environment(data),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 3, done  # approval_required


def test_two_data_directories_run_side_by_side(lasting: Up, tmp_path: Path):
    with up(tmp_path / "data") as other:
        assert other.url != lasting.url
        assert (other.data / "admin-token").read_text() != (lasting.data / "admin-token").read_text()
        for one in (lasting, other):
            with one.rest() as rest:
                assert rest.get("me").json()["admin"] is True
        token = (other.data / "admin-token").read_text().strip()
        stranger = httpx2.get(f"{lasting.url}/api/v1/me", headers={"authorization": f"Bearer {token}"})
        assert stranger.status_code == 401


def test_a_taken_port_is_told(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refused(tmp_path / "data", "--port", port)
    assert f"127.0.0.1:{port}" in said
    assert "--port" in said


def test_a_second_start_on_the_same_directory_is_told(lasting: Up):
    said = refused(lasting.data, "--port", "0")
    assert f"already runs from {lasting.data}" in said
    assert lasting.url in said
    with lasting.rest() as rest:
        assert rest.get("me").status_code == 200


def test_sigterm_ends_it_cleanly_and_takes_its_children_along(tmp_path: Path):
    with up(tmp_path / "data") as started:
        children = started.children()
        assert len(children) > 2
        assert started.ends(signal.SIGTERM) == 0
        assert alive(children) == []
        assert not (started.data / "running.json").exists()


def test_kill_leaves_no_children_and_the_next_start_works(tmp_path: Path):
    data = tmp_path / "data"
    document = {
        "apiVersion": "executor/v1",
        "integrations": [{"slug": "notes", "kind": "mcp", "mcp": {"command": sdk_command()}}],
        "connections": [{"integration": "notes", "name": "main", "owner": "org"}],
    }
    (tmp_path / "stdio.yaml").write_text(yaml.safe_dump(document))
    with up(data, "--config", str(tmp_path / "stdio.yaml")) as started:
        assert "hello" in executor(data, "call", "notes__echo", "text=hello")
        children = started.children()
        names = " ".join(" ".join(child.cmdline()) for child in children)
        assert "nats-server" in names
        assert "postgres" in names
        assert "sdk_server.py" in names
        started.ends(signal.SIGKILL)
        eventually(lambda: not alive(children), PATIENCE)
    with up(data) as again, again.rest() as rest:
        assert rest.get("me").status_code == 200


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("not a directory")
    assert str(tmp_path / "file") in refused(tmp_path / "file", "--port", "0")
    assert str(tmp_path / "file" / "below") in refused(tmp_path / "file" / "below", "--port", "0")


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    where = tmp_path / "disk"
    where.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(where)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True)


def test_a_disk_that_becomes_full_is_told(small_disk: Path):
    said = refused(small_disk / "data", "--port", "0")
    assert "No space left on device" in said or "disk" in said.lower(), said


def test_a_full_disk_is_told(small_disk: Path):
    with contextlib.suppress(OSError), (small_disk / "filler").open("wb") as filler:
        while True:
            filler.write(b"\0" * 65536)
    said = refused(small_disk / "data", "--port", "0")
    assert "No space left on device" in said, said


@pytest.mark.parametrize("era", ERAS)
async def test_the_stdio_bridge_speaks_both_eras(lasting: Up, mcp_server: Running, era: str):
    _with_notes(lasting, mcp_server)
    bridge = StdioServerParameters(
        command=sys.executable,
        args=["-m", "executor_cli.main", "mcp"],
        env=environment(lasting.data),
        cwd=ROOT,
    )
    async with Client(stdio_client(bridge), mode=era) as client:
        assert era in {client.protocol_version, "legacy"}
        assert "notes__echo" in [tool.name for tool in (await client.list_tools()).tools]
        result = await client.call_tool("notes__echo", {"text": "over stdio"})
        assert [c.text for c in result.content if isinstance(c, TextContent)] == ["over stdio"]
        facts: Any = (result.meta or {})["executor/call"]
        assert facts["outcome"] == "ok"
        waits = await client.call_tool("notes__add_note", {"text": f"asked in {era}"})
        assert (waits.meta or {})["executor/call"]["outcome"] == "approval_required"
    with lasting.rest() as rest:
        assert rest.get(f"calls/{facts['id']}").json()["subject"] == "agent"


def _with_notes(house: Up, server: Running) -> None:
    place = server.url.split("/")[2]
    document = f"""
apiVersion: executor/v1
integrations:
  - {{slug: notes, kind: mcp, mcp: {{url: "{server.url}"}}, network: {{allow: ["{place}"]}}}}
connections:
  - {{integration: notes, name: main, owner: org}}
"""
    path = house.data.parent / "notes.yaml"
    path.write_text(document)
    executor(house.data, "apply", "-f", str(path))


def test_the_bridge_says_so_where_nothing_runs(tmp_path: Path):
    done = subprocess.run(
        [*COMMAND, "mcp"],
        env=environment(tmp_path / "nothing"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert "executor up" in done.stderr
    assert done.stdout == ""
