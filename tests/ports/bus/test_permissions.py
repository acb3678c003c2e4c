"""A real nats-server holds every service to its contracts, whatever the service's code does."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable

import nats.errors as nats_errors
import pytest
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from executor_shared.bus import Bus, Handler
from executor_shared.bus.nats import NatsTransport
from executor_shared.contracts.acl import inbox_of, subject_pattern
from executor_shared.contracts.all import EVENTS, REQUESTS
from executor_shared.contracts.base import Nothing, ServiceName
from executor_shared.contracts.vault_broker import GET_SEALING_KEY, SealingKey
from executor_shared.settings import BusSettings
from executor_shared.testing.bus_fixtures import Nats
from executor_shared.testing.wires import eventually

pytestmark = pytest.mark.connected

_VIOLATION = re.compile(r'for (publish|subscription) to "([^"]+)"(?: using queue "([^"]+)")?', re.IGNORECASE)


async def flushed(client: Client) -> None:
    """All that was sent is at the server; the PING of a single flush may overtake it."""
    await client.flush()
    await client.flush()


class Raw:
    """A connection with a service's real credentials and none of our code's manners."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.refused: set[tuple[str, str]] = set()

    async def on_error(self, error: Exception) -> None:
        if found := _VIOLATION.search(str(error)):
            self.refused.add((found[1].lower(), " ".join(part for part in found.group(2, 3) if part)))

    async def refused_of(self, kind: str) -> set[str]:
        await flushed(self.client)  # the server answers in order: what it refuses is known by now
        return {subject for what, subject in self.refused if what == kind}


@pytest.fixture
async def connect() -> AsyncGenerator[Callable[[BusSettings], Awaitable[Raw]]]:
    opened: list[Client] = []

    async def connect_as(settings: BusSettings) -> Raw:
        client = Client()
        raw = Raw(client)
        assert settings.password is not None
        await client.connect(
            settings.url,
            user=settings.user,
            password=settings.password.get_secret_value(),
            allow_reconnect=False,
            error_cb=raw.on_error,
        )
        opened.append(client)
        return raw

    yield connect_as
    for client in opened:
        await client.close()


Connect = Callable[[BusSettings], Awaitable[Raw]]


def _lower(subjects: set[str]) -> set[str]:
    """nats-py reports what the server refused in lower case."""
    return {subject.lower() for subject in subjects}


def _subject(pattern: str) -> str:
    return pattern.replace("*", "default")


_ALL_SUBJECTS = {_subject(subject_pattern(r)) for r in REQUESTS} | {e.subject for e in EVENTS}


@pytest.mark.parametrize("service", list(ServiceName))
async def test_a_service_publishes_only_what_the_contracts_let_it(
    nats: Nats, connect: Connect, service: ServiceName
):
    raw = await connect(nats.settings(service))
    foreign = {"executor.evil.v1.a.b", "$SYS.REQ.SERVER.PING", "$JS.API.INFO", f"{inbox_of(service)}.x.y"}
    if service is not ServiceName.VAULT_BROKER:
        foreign |= {f"{inbox_of(other)}.x.y" for other in ServiceName}
    for subject in _ALL_SUBJECTS | foreign:
        await raw.client.publish(subject, b"{}")
    allowed = {_subject(subject_pattern(r)) for r in REQUESTS if service in r.callers}
    allowed |= {e.subject for e in EVENTS if service in e.speakers}
    assert await raw.refused_of("publish") == _lower((_ALL_SUBJECTS | foreign) - allowed)


@pytest.mark.parametrize("service", list(ServiceName))
async def test_a_service_hears_only_what_the_contracts_let_it(
    nats: Nats, connect: Connect, service: ServiceName
):
    raw = await connect(nats.settings(service))

    async def ignore(_message: Msg) -> None:
        return

    plain = _ALL_SUBJECTS | {">", "executor.>", "executor.*.v1.>", "_INBOX.>", "$SYS.>"}
    plain |= {f"{inbox_of(other)}.>" for other in ServiceName}
    queued = {f"{subject} {service}" for subject in _ALL_SUBJECTS} | {f"> {service}"}
    queued |= {f"{subject} thieves" for subject in _ALL_SUBJECTS}
    for wanted in plain | queued:
        subject, _, queue = wanted.partition(" ")
        await raw.client.subscribe(subject, queue=queue, cb=ignore)
    heard = {e.subject for e in EVENTS if service in e.hearers}
    allowed = heard | {f"{inbox_of(service)}.>"}
    allowed |= {f"{subject} {queue}" for subject in heard for queue in (service, "thieves")}
    allowed |= {f"{_subject(subject_pattern(r))} {service}" for r in REQUESTS if r.owner == service}
    assert await raw.refused_of("subscription") == _lower((plain | queued) - allowed)


async def test_nobody_connects_without_the_right_password(nats: Nats, connect: Connect):
    right = nats.settings(ServiceName.POLICY)
    await connect(right)
    for wrong in (
        right.model_copy(update={"user": "gateway"}),
        right.model_copy(update={"user": "root"}),
    ):
        with pytest.raises((nats_errors.Error, OSError)):
            await connect(wrong)


async def _bus(nats: Nats, service: ServiceName) -> Bus:
    return Bus(service, await NatsTransport.open(nats.settings(service), service))


async def test_the_vault_broker_cannot_be_made_to_publish_into_a_foreign_inbox(nats: Nats, connect: Connect):
    broker = await _bus(nats, ServiceName.VAULT_BROKER)
    answered = 0

    async def answer(_asked: Nothing) -> SealingKey:
        nonlocal answered
        answered += 1
        return SealingKey(public_key=b"k" * 32)

    await broker.serve(Handler(GET_SEALING_KEY, answer))
    tap = await connect(nats.tap_settings())
    tapped: list[str] = []

    async def hear(message: Msg) -> None:
        tapped.append(message.subject)

    await tap.client.subscribe(">", cb=hear)
    await flushed(tap.client)
    evil = await connect(nats.settings(ServiceName.GATEWAY))
    headers = {"Executor-Deadline": "9999999999"}
    foreign = [f"{inbox_of(ServiceName.POLICY)}.aa.bb", GET_SEALING_KEY.subject, "executor.evil.v1.a.b"]
    with structlog.testing.capture_logs() as logged:
        for reply in foreign:
            await evil.client.publish(GET_SEALING_KEY.subject, b"{}", reply=reply, headers=headers)
        await eventually(lambda: sum(line["event"] == "bus.not_permitted" for line in logged) == len(foreign))
    assert answered == len(foreign)
    own = f"{inbox_of(ServiceName.GATEWAY)}.cc.dd"
    await evil.client.publish(GET_SEALING_KEY.subject, b"{}", reply=own, headers=headers)
    await eventually(lambda: own in tapped)  # the control: it does answer into the inbox of who may ask
    assert tapped == [GET_SEALING_KEY.subject] * 4 + [own]
    await broker.close()


async def test_a_server_answers_only_those_who_asked_it(nats: Nats, connect: Connect):
    policy = await connect(nats.settings(ServiceName.POLICY))
    gateway = await connect(nats.settings(ServiceName.GATEWAY))
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear(message: Msg) -> None:
        await arrived.put(message.data)

    inbox = f"{inbox_of(ServiceName.GATEWAY)}.aa.bb"
    await gateway.client.subscribe(inbox, cb=hear)
    await flushed(gateway.client)
    await policy.client.publish(inbox, b"forged")
    assert await policy.refused_of("publish") == _lower({inbox})

    async def reply_twice(message: Msg) -> None:
        await message.respond(b"first")
        await message.respond(b"second")

    identify = "executor.policy.v1.principal.identify"
    await policy.client.subscribe(identify, queue="policy", cb=reply_twice)
    await flushed(policy.client)
    policy.refused.clear()
    await gateway.client.publish(identify, b"{}", reply=inbox)
    async with asyncio.timeout(5):
        assert await arrived.get() == b"first"
    await eventually(lambda: bool(policy.refused))
    assert arrived.empty()
