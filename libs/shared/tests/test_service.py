"""The runner: one process per service as a child, and several in one process."""

import asyncio
import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from executor_shared.bus import Bus, Handler, MemoryHub, MemoryTransport
from executor_shared.contracts.base import ServiceName
from executor_shared.contracts.policy import IDENTIFY, Identify
from executor_shared.contracts.vocabulary import Principal
from executor_shared.errors import ConflictError, InvalidRequestError
from executor_shared.servers.nats import NatsServer
from executor_shared.service.environment import check_environment
from executor_shared.service.run import running
from executor_shared.service.service import Definition, Service
from executor_shared.settings import DatabaseSettings, HttpSettings, ServiceSettings
from executor_shared.testing.bus_fixtures import Nats

_PROGRAM = """
import asyncio, contextlib
from executor_shared.service.run import run
from executor_shared.service.service import Definition, Service
from executor_shared.settings import ServiceSettings
from executor_shared.contracts.base import ServiceName

@contextlib.asynccontextmanager
async def compose(settings, bus):
    async def app(scope, receive, send):
        print("in hand", flush=True)
        await asyncio.sleep(0.3)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})
    yield Service(name=ServiceName.GATEWAY, app=app)
    print("left", flush=True)

run(Definition(ServiceName.GATEWAY, ServiceSettings, compose))
"""


def _child(nats: Nats, **more: str) -> "subprocess.Popen[bytes]":
    bus = nats.settings(ServiceName.GATEWAY)
    assert bus.password is not None
    environment = {
        "EXECUTOR_BUS__URL": bus.url,
        "EXECUTOR_BUS__USER": bus.user or "",
        "EXECUTOR_BUS__PASSWORD": bus.password.get_secret_value(),
        **more,
    }
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def _line(child: "subprocess.Popen[bytes]", event: str) -> dict[str, str]:
    assert child.stderr is not None
    for line in child.stderr:
        found = json.loads(line)
        if found["event"] == event:
            return found
    raise AssertionError(f"{event} was not logged")


def _get(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.connected
async def test_a_process_finishes_what_is_in_hand_and_ends_with_zero(nats: Nats):
    child = _child(nats)
    url = _line(child, "http.opened")["url"]
    assert _get(f"{url}/livez")[0] == 200
    assert _get(f"{url}/readyz") == (200, b'{"status":"ready"}')
    assert b"python_info" in _get(f"{url}/metrics")[1]
    asked = asyncio.create_task(asyncio.to_thread(_get, f"{url}/anything"))
    assert child.stdout is not None
    assert await asyncio.to_thread(child.stdout.readline) == b"in hand\n"
    child.send_signal(signal.SIGTERM)
    assert await asked == (200, b"done")
    assert await asyncio.to_thread(child.wait, 10) == 0
    assert child.stdout.read() == b"left\n"
    child.communicate()


@pytest.mark.connected
def test_readyz_names_the_dependency_that_fails(own_nats: Nats):
    child = _child(own_nats)
    url = _line(child, "http.opened")["url"]
    own_nats.server.kill()
    _line(child, "bus.disconnected")
    assert _get(f"{url}/readyz") == (503, b'{"status":"not ready","failing":["bus"]}')
    assert _get(f"{url}/livez")[0] == 200
    own_nats.server.start()
    _line(child, "bus.reconnected")
    assert _get(f"{url}/readyz")[0] == 200
    child.terminate()
    child.communicate(timeout=10)
    assert child.returncode == 0


@pytest.mark.connected
def test_a_wrong_password_is_told_without_the_password(nats: Nats):
    child = _child(nats, EXECUTOR_BUS__PASSWORD="hunter2hunter2", EXECUTOR_BUS__CONNECT_TIMEOUT="0.3")
    _, said = child.communicate(timeout=20)
    assert child.returncode == 1
    assert b"did not accept user 'gateway'" in said
    assert b"hunter2" not in said


@pytest.mark.connected
def test_a_misspelt_setting_ends_the_start_with_a_hint(nats: Nats):
    child = _child(nats, EXECUTOR_BUS__URI="x")
    _, said = child.communicate(timeout=20)
    assert child.returncode == 1
    assert b"EXECUTOR_BUS__URI is not a setting. Did you mean EXECUTOR_BUS__URL" in said


class _Settings(ServiceSettings):
    database: DatabaseSettings = DatabaseSettings(url=SecretStr("x"))  # pyright: ignore[reportCallIssue]


def test_one_environment_may_serve_all_services():
    others = ("EXECUTOR_POLICY__SIGNING_SEED", "EXECUTOR_VAULT_BROKER__KEY", "EXECUTOR_GRANTS__PUBLIC_KEYS")
    names = (*others, "EXECUTOR_DATABASE__URL", "EXECUTOR_DATA_DIR", "PATH", "EXECUTOR_BUS")
    check_environment([ServiceSettings], dict.fromkeys(names, "x"))
    with pytest.raises(InvalidRequestError, match="EXECUTOR_DATABASE__POOL_SIZE") as error:
        check_environment([_Settings], {"EXECUTOR_DATABASE__POOLSIZE": "hunter2"})
    assert "hunter2" not in error.value.message


async def test_several_services_share_one_door_and_stop_in_reverse():
    hub, told = MemoryHub(), list[str]()

    def definition(name: ServiceName) -> Definition[ServiceSettings]:
        @asynccontextmanager
        async def compose(_settings: ServiceSettings, bus: Bus) -> AsyncGenerator[Service]:
            async def answer(asked: Identify) -> Principal:
                return Principal(tenant="t", subject=asked.proof, person="p")

            async def check() -> None:
                if name is ServiceName.CATALOG and "broken" in told:
                    raise OSError

            told.append(f"{name} opened")
            handlers = (Handler(IDENTIFY, answer),) if name is ServiceName.POLICY else ()
            yield Service(name=name, handlers=handlers, ready={"store": check})
            assert bus.connected  # it may still ask while it closes
            told.append(f"{name} closed")

        return Definition(name, ServiceSettings, compose)

    names = (ServiceName.GATEWAY, ServiceName.CATALOG, ServiceName.POLICY)
    parts = [(definition(name), ServiceSettings()) for name in names]
    async with running(parts, transport_of=lambda _name: MemoryTransport(hub)) as house:
        answer = await house.bus[ServiceName.GATEWAY].request(IDENTIFY, Identify(proof="x"))
        assert answer.subject == "x"
        assert len(set(house.urls.values())) == 1
        url = house.urls[ServiceName.POLICY]
        assert await asyncio.to_thread(_get, f"{url}/readyz") == (200, b'{"status":"ready"}')
        told.append("broken")
        failing = await asyncio.to_thread(_get, f"{url}/readyz")
        assert failing == (503, b'{"status":"not ready","failing":["catalog.store"]}')
        told.remove("broken")
    order = [one.split()[0] for one in told]
    assert order[:3] == list(reversed(order[3:]))
    assert order[2] == "gateway"


async def test_a_taken_port_is_named():
    @asynccontextmanager
    async def compose(_settings: ServiceSettings, _bus: Bus) -> AsyncGenerator[Service]:
        yield Service(name=ServiceName.GATEWAY)

    part = Definition(ServiceName.GATEWAY, ServiceSettings, compose)
    hub = MemoryHub()
    async with running([(part, ServiceSettings())], transport_of=lambda _name: MemoryTransport(hub)) as house:
        port = int(house.urls[ServiceName.GATEWAY].rpartition(":")[2])
        taken = ServiceSettings(http=HttpSettings(host="127.0.0.1", port=port))
        with pytest.raises(ConflictError, match=str(port)):
            async with running([(part, taken)], transport_of=lambda _name: MemoryTransport(hub)):
                pass


@pytest.mark.connected
def test_a_taken_nats_port_is_named_and_the_config_is_private(nats: Nats, tmp_path: Path):
    server = NatsServer(tmp_path, port=nats.server.port)
    with pytest.raises(ConflictError, match=f"Port {nats.server.port} on 127.0.0.1"):
        server.start()
    assert (tmp_path / "nats.conf").stat().st_mode & 0o777 == 0o600


@pytest.mark.connected
@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux tells a child of its parent's end"
)
def test_nats_dies_with_its_parent_also_on_kill(tmp_path: Path):
    program = (
        "import sys, time; from pathlib import Path; from executor_shared.servers.nats import NatsServer\n"
        "s = NatsServer(Path(sys.argv[1])); s.start(); print(s.port, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    port = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    again = NatsServer(tmp_path, port=port)  # the port is free at once: the old server is gone
    again.start()
    again.stop()
