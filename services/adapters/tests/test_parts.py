"""The registry, the memory of calls, the room of an origin, kept leases, credentials in requests."""

import asyncio
import contextlib
from dataclasses import dataclass, field

import pytest

from executor_adapters.domain.bulkhead import Bulkhead
from executor_adapters.domain.injection import injected
from executor_adapters.domain.kind import API_VERSION, AdapterKind
from executor_adapters.domain.leasing import Leasing
from executor_adapters.domain.registry import choose
from executor_adapters.domain.seen import SeenCalls
from executor_shared.clock import FakeClock
from executor_shared.contracts.vault_broker import Injection, LeasedCredential
from executor_shared.contracts.vocabulary import Carrier
from executor_shared.errors import (
    BusyError,
    CredentialUnavailableError,
    GrantRefusedError,
    InvalidRequestError,
)
from executor_shared.grants import Grant


def kind(name: str, version: int = API_VERSION) -> AdapterKind:
    return AdapterKind(name, version, lambda _egress, _options: contextlib.nullcontext())  # pyright: ignore[reportArgumentType] - never opened


def test_only_enabled_kinds_are_chosen_in_their_order() -> None:
    chosen = choose([kind("a"), kind("b"), kind("c")], ["c", "a", "c"])
    assert [each.name for each in chosen] == ["c", "a"]


@pytest.mark.parametrize(
    ("found", "enabled", "says"),
    [
        ([kind("a")], ["b"], "not installed. Installed: a"),
        ([kind("a"), kind("a")], ["a"], "Two packages"),
        ([kind("a", API_VERSION + 1)], ["a"], "was made for version"),
        ([kind("A b")], ["A b"], "needs a name"),
    ],
)
def test_a_kind_that_cannot_be_used_stops_the_start(
    found: list[AdapterKind], enabled: list[str], says: str
) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        choose(found, enabled)


def test_a_call_is_remembered_until_its_deadline() -> None:
    clock = FakeClock()
    seen = SeenCalls(clock)
    seen.take("c1", clock.now() + 10)
    clock.forward(9)
    with pytest.raises(GrantRefusedError):
        seen.take("c1", clock.now() + 10)
    clock.forward(2)
    seen.take("c2", clock.now() + 10)
    assert list(seen._deadlines) == ["c2"]


def test_more_calls_than_can_be_remembered_are_not_begun() -> None:
    clock = FakeClock()
    seen = SeenCalls(clock, bound=2)
    seen.take("c1", clock.now() + 10)
    seen.take("c2", clock.now() + 10)
    with pytest.raises(BusyError):
        seen.take("c3", clock.now() + 10)
    clock.forward(11)
    seen.take("c3", clock.now() + 10)


def test_room_is_given_back_whatever_happens() -> None:
    bulkhead = Bulkhead(1)
    for _ in range(3):
        with contextlib.suppress(ZeroDivisionError), bulkhead.passage("o"):
            raise ZeroDivisionError
    with bulkhead.passage("o"), pytest.raises(BusyError, match="nothing was sent"), bulkhead.passage("o"):
        pass
    assert bulkhead._under_way == {}


@dataclass
class Broker:
    clock: FakeClock
    reuse: float = 10
    lives: float = 60
    asked: list[str] = field(default_factory=list[str])

    async def lease(self, signed: str) -> LeasedCredential:
        self.asked.append(signed)
        return LeasedCredential(
            injections=(), secrets=("secret",), expires_at=self.clock.now() + self.lives, reuse=self.reuse
        )


def read_grant(connection: str = "conn_1", tenant: str = "t", origin: str = "https://o:443") -> Grant:
    return Grant(
        purpose="call",
        call="c",
        tenant=tenant,
        subject="s",
        connection=connection,
        origin=origin,
        issued_at=0,
        deadline=4e9,
        effect="read",
        credential="cred",
    )


@pytest.mark.parametrize(("reuse", "lives"), [(10, 60), (60, 10)])
async def test_a_lease_is_kept_for_reuse_and_never_beyond_its_life(reuse: float, lives: float) -> None:
    clock = FakeClock()
    broker = Broker(clock, reuse, lives)
    leasing = Leasing(broker, clock)
    await leasing(read_grant(), "1")
    clock.forward(9.9)
    await leasing(read_grant(), "2")
    assert broker.asked == ["1"]
    clock.forward(0.1)
    await leasing(read_grant(), "3")
    assert broker.asked == ["1", "3"]


@pytest.mark.parametrize(
    "other",
    [read_grant("conn_2"), read_grant(tenant="u"), read_grant(origin="https://p:443")],
    ids=["connection", "tenant", "origin"],
)
async def test_a_kept_lease_is_for_one_tenant_connection_and_origin(other: Grant) -> None:
    clock = FakeClock()
    broker = Broker(clock)
    leasing = Leasing(broker, clock)
    await leasing(read_grant(), "1")
    await leasing(other, "2")
    assert broker.asked == ["1", "2"]


@dataclass
class SlowBroker(Broker):
    """Answers when it is told to; refuses the grants that it is told to."""

    answer: asyncio.Event = field(default_factory=asyncio.Event)
    refused: frozenset[str] = frozenset()

    async def lease(self, signed: str) -> LeasedCredential:
        leased = await super().lease(signed)
        await self.answer.wait()
        if signed in self.refused:
            raise GrantRefusedError("not this one")
        return leased


async def test_of_many_reads_at_once_one_leases_for_all() -> None:
    clock = FakeClock()
    broker = SlowBroker(clock)
    leasing = Leasing(broker, clock)
    calls = [asyncio.create_task(leasing(read_grant(), str(number))) for number in range(32)]
    await asyncio.sleep(0)
    broker.answer.set()
    held = await asyncio.wait_for(asyncio.gather(*calls), 5)
    assert broker.asked == ["0"]
    assert all(one.credential is held[0].credential for one in held)


@pytest.mark.parametrize("how", ["refused", "not kept", "changed"])
async def test_who_waited_leases_for_itself_where_there_is_nothing_to_share(how: str) -> None:
    clock = FakeClock()
    broker = SlowBroker(clock, reuse=0 if how == "not kept" else 10)
    broker.refused = frozenset({"0"}) if how == "refused" else frozenset()
    leasing = Leasing(broker, clock)
    calls = [asyncio.create_task(leasing(read_grant(), str(number))) for number in range(3)]
    await asyncio.sleep(0)
    if how == "changed":
        leasing.drop("cred")
    broker.answer.set()
    held = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 5)
    assert broker.asked == (["0", "1", "2"] if how == "not kept" else ["0", "1"])
    assert isinstance(held[0], GrantRefusedError) == (how == "refused")
    assert not isinstance(held[1], BaseException)


async def test_kept_leases_are_bounded() -> None:
    clock = FakeClock()
    leasing = Leasing(Broker(clock), clock)
    for number in range(1100):
        await leasing(read_grant(f"conn_{number}"), str(number))
    assert len(leasing._kept) == 1024


def credential(carrier: Carrier, value: str, name: str = "K") -> LeasedCredential:
    return LeasedCredential(
        injections=(Injection(carrier=carrier, name=name, value=value),), secrets=(value,), expires_at=4e9
    )


def test_a_credential_wins_over_a_header_of_its_name() -> None:
    url, headers = injected("https://o/x", (("k", "mine"), ("A", "b")), credential("header", "theirs"))
    assert (url, headers) == ("https://o/x", (("A", "b"), ("K", "theirs")))


def test_a_credential_in_the_query_is_encoded() -> None:
    assert (
        injected("https://o/x?a=1", (), credential("query", "a&b=c d"))[0]
        == "https://o/x?a=1&K=a%26b%3Dc%20d"
    )


@pytest.mark.parametrize(
    ("carrier", "value"),
    [("header", "a\r\nX: y"), ("header", "é"), ("cookie", "a; b=c"), ("cookie", "\x00"), ("env", "x")],
)
def test_a_credential_that_does_not_fit_is_refused_without_being_shown(carrier: Carrier, value: str) -> None:
    with pytest.raises(CredentialUnavailableError) as caught:
        injected("https://o/x", (), credential(carrier, value))
    assert value not in caught.value.message or value == "x"
