import os
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from executor_shared.errors import ConflictError, UnavailableError
from executor_shared.servers.postgres import PostgresServer, running

pytestmark = pytest.mark.connected


async def _ask(server: PostgresServer, statement: str) -> object:
    url = server.settings().url.get_secret_value().replace("+asyncpg", "")
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_state_survives_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path / "pg", durable=False) as server:
        await _ask(server, "CREATE TABLE kept AS SELECT 7 AS n")
    async with running(tmp_path / "pg", durable=False) as server:
        assert await _ask(server, "SELECT n FROM kept") == 7


async def test_only_the_owner_may_read_the_password_and_reach_the_socket(tmp_path: Path) -> None:
    async with running(tmp_path / "pg", durable=False) as server:
        assert (server.home / "password").stat().st_mode & 0o777 == 0o600
        assert server.home.stat().st_mode & 0o777 == 0o700
        assert await _ask(server, "SHOW listen_addresses") == ""
        assert await _ask(server, "SHOW unix_socket_permissions") == "0700"
        assert "scram-sha-256" in (server.home / "data" / "pg_hba.conf").read_text()


async def test_a_path_too_long_for_a_socket_is_no_obstacle(tmp_path: Path) -> None:
    async with running(tmp_path / ("long" * 30), durable=False) as server:
        assert await _ask(server, "SELECT 1") == 1
        assert (server.home / "run").is_symlink()


async def test_a_second_server_in_the_same_place_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path / "pg", durable=False):
        with pytest.raises(ConflictError, match="already runs"):
            PostgresServer(tmp_path / "pg").prepare()


async def test_a_stale_pid_file_is_no_obstacle(tmp_path: Path) -> None:
    async with running(tmp_path / "pg", durable=False):
        pass
    (tmp_path / "pg" / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n/elsewhere\n")
    async with running(tmp_path / "pg", durable=False) as server:
        assert await _ask(server, "SELECT 1") == 1


async def test_another_version_s_data_is_refused_with_its_version(tmp_path: Path) -> None:
    data = tmp_path / "pg" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    with pytest.raises(UnavailableError, match="created by PostgreSQL 9; here are only"):
        PostgresServer(tmp_path / "pg").prepare()


async def test_a_creation_that_was_cut_short_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "pg" / "data.new" / "base").mkdir(parents=True)
    async with running(tmp_path / "pg", durable=False) as server:
        assert await _ask(server, "SELECT 1") == 1


_PARENT = """
import sys
from pathlib import Path
from executor_shared.servers.postgres import PostgresServer
server = PostgresServer(Path(sys.argv[1]), durable=False)
server.prepare(); server.spawn(); server.wait_ready()
print("up", flush=True)
sys.stdin.read()
"""


def _start_and_kill_a_parent(home: Path) -> None:
    command = [sys.executable, "-c", _PARENT, str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert b"up\n" in iter(parent.stdout.readline, b"")
        parent.send_signal(signal.SIGKILL)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the leash is Linux's")
async def test_the_server_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    home = tmp_path / "pg"
    _start_and_kill_a_parent(home)
    async with running(home, durable=False) as server:  # waits for the orphan to end
        assert await _ask(server, "SELECT 1") == 1
