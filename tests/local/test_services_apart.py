"""`docs/operate/run-the-services.md`, run: five processes over one nats-server and one PostgreSQL."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path

import asyncpg
import pytest

from executor_shared.settings import DatabaseSettings
from tests.local.test_first_steps import ROOT, blocks
from tests.upstreams.process import free_port

PAGE = "docs/operate/run-the-services.md"
ROLES = ("executor_catalog", "executor_policy", "executor_vault_broker")
SECONDS = 90
_PART = "\n# next\n"


def on_this_machine(script: str, run: Path, address: str) -> str:
    """The page's commands with the folder, ports and database of this test."""
    first = free_port_of_five()
    script = re.sub(r"\brun(?=[ /])", str(run), script)
    script = script.replace("127.0.0.1:5432/executor", address).replace(" --nats 127.0.0.1:4222", "")
    for number in range(5):
        script = script.replace(str(8484 + number), str(first + number))
    return script.replace("--port", f"--nats 127.0.0.1:{free_port()} --port")


def free_port_of_five() -> int:
    """The first of five ports in a row that nobody listens on."""
    while True:
        first = free_port()
        if all(_free(first + number) for number in range(5)):
            return first


def _free(port: int) -> bool:
    done = subprocess.run(
        ["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"], capture_output=True, check=False
    )
    return done.returncode != 0 and port < 65536


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
def address(database: DatabaseSettings) -> Generator[str]:
    """What `--database` is given for this test's database, whose roles are removed afterwards."""
    url = database.url.get_secret_value().replace("+asyncpg", "")
    yield url
    drops = [f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}" for role in ROLES]
    asyncio.run(_execute(url, *drops))


STOP = """
set +e; services=$(jobs -p | tail -n +2)
kill $services
for service in $services; do wait $service; echo "ended with $?"; done
kill %1; wait
"""
STOP_WITHOUT_NATS = (
    f"kill %1; wait %1 || true{STOP.replace('tail -n +2', 'cat').replace('kill %1; wait', '')}"
)


@pytest.mark.parametrize("stop", [STOP, STOP_WITHOUT_NATS], ids=["with NATS", "without NATS"])
def test_the_worked_example_works_and_ends_cleanly(stop: str, address: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    place = address.rpartition("@")[2]
    keys, nats, _psql, services, ready, use = blocks(PAGE, "bash")[:6]
    whole = on_this_machine(_PART.join((keys, nats, services, ready, use)), run, place)
    first, *others = whole.split(_PART)
    prepared = subprocess.run(["bash", "-ec", first], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "nats.conf" in prepared.stdout
    assert {oct(path.stat().st_mode & 0o777) for path in run.iterdir()} == {"0o600"}
    asyncio.run(_execute(address, (run / "database.sql").read_text()))
    told = _told("\n".join([*others, stop]))
    assert told.count('{"status":"ready"}') == 5
    assert "subject: admin" in told
    assert told.count("ended with 0") == 5, told
    assert all("Traceback" not in log.read_text() for log in run.glob("*.log"))


def _told(script: str) -> str:
    """What the script says; whatever it leaves behind is killed."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("EXECUTOR_")}
    process = subprocess.Popen(
        ["bash", "-ec", script],
        cwd=ROOT,
        env=own,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        return process.communicate(timeout=SECONDS)[0]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
