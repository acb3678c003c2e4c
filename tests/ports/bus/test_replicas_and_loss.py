"""What every transport must keep: sharing, events, draining, and the loss of the connection."""

import asyncio
from collections import Counter

from executor_shared.bus import Bus, Handler, Listener
from executor_shared.contracts.base import ServiceName
from executor_shared.contracts.policy import (
    CALL_FINISHED,
    IDENTIFY,
    POLICY_CHANGED,
    CallFinished,
    Identify,
    PolicyChanged,
)
from executor_shared.contracts.vocabulary import Principal
from executor_shared.errors import DeadlineExceededError, ExecutorError, UnavailableError
from executor_shared.testing.wires import Wire, eventually


def _principal(subject: str) -> Principal:
    return Principal(tenant="default", subject=subject, person=subject)


async def _serve_as(bus: Bus, name: str) -> None:
    async def answer(asked: Identify) -> Principal:
        return _principal(f"{name} {asked.proof}")

    await bus.serve(Handler(IDENTIFY, answer))


async def test_replicas_share_the_requests(wire: Wire):
    gateway = await wire.bus(ServiceName.GATEWAY)
    for name in ("one", "two"):
        await _serve_as(await wire.bus(ServiceName.POLICY), name)
    answers = [(await gateway.request(IDENTIFY, Identify(proof=str(n)))).subject for n in range(60)]
    assert [answer.split()[1] for answer in answers] == [str(n) for n in range(60)]
    assert set(Counter(answer.split()[0] for answer in answers)) == {"one", "two"}


async def test_an_event_reaches_every_replica_or_one(wire: Wire):
    policies = [await wire.bus(ServiceName.POLICY) for _ in range(3)]
    gateway = await wire.bus(ServiceName.GATEWAY)
    everywhere: list[tuple[int, int]] = []
    shared: list[str] = []

    async def share(said: CallFinished) -> None:
        shared.append(said.call)

    for number, policy in enumerate(policies):

        async def hear(said: PolicyChanged, number: int = number) -> None:
            everywhere.append((number, said.revision))

        await policy.hear(Listener(POLICY_CHANGED, hear))
        await policy.hear(Listener(CALL_FINISHED, share, every_replica=False))
    for n in range(10):
        await policies[0].say(POLICY_CHANGED, PolicyChanged(revision=n))
        await gateway.say(CALL_FINISHED, CallFinished(call=str(n), outcome="ok"))
    await eventually(lambda: len(everywhere) == 30 and len(shared) == 10)
    assert sorted(everywhere) == [(number, n) for number in range(3) for n in range(10)]
    assert sorted(shared) == [str(n) for n in range(10)]


async def test_a_listener_that_fails_hears_the_next(wire: Wire):
    gateway, policy = await wire.bus(ServiceName.GATEWAY), await wire.bus(ServiceName.POLICY)
    heard: list[str] = []

    async def hear(said: CallFinished) -> None:
        heard.append(said.call)
        if said.call == "bad":
            raise ValueError

    await policy.hear(Listener(CALL_FINISHED, hear))
    for call in ("bad", "good"):
        await gateway.say(CALL_FINISHED, CallFinished(call=call, outcome="ok"))
    await eventually(lambda: len(heard) == 2)
    assert sorted(heard) == ["bad", "good"]


async def test_draining_under_load_loses_nothing(wire: Wire):
    gateway = await wire.bus(ServiceName.GATEWAY)
    leaving, staying = await wire.bus(ServiceName.POLICY), await wire.bus(ServiceName.POLICY)
    answered = Counter[str]()

    async def serve(bus: Bus, name: str) -> None:
        async def answer(asked: Identify) -> Principal:
            await asyncio.sleep(0.01)
            answered[name] += 1
            return _principal(asked.proof)

        await bus.serve(Handler(IDENTIFY, answer, limit=10_000))

    await serve(leaving, "leaving")
    await serve(staying, "staying")

    async def asker(number: int) -> list[str]:
        return [(await gateway.request(IDENTIFY, Identify(proof=f"{number}.{n}"))).subject for n in range(40)]

    askers = [asyncio.create_task(asker(number)) for number in range(25)]
    await eventually(lambda: answered["leaving"] > 50)
    await leaving.drain()
    done_by_leaving = answered["leaving"]
    got = [subject for answers in await asyncio.gather(*askers) for subject in answers]
    assert sorted(got) == sorted(f"{number}.{n}" for number in range(25) for n in range(40))
    assert answered["leaving"] == done_by_leaving
    assert answered["staying"] > done_by_leaving / 2


async def test_nothing_is_sent_after_a_reconnect(wire: Wire):
    policy, gateway = await wire.bus(ServiceName.POLICY), await wire.bus(ServiceName.GATEWAY)
    phase = "before"
    seen: list[tuple[str, str]] = []

    async def answer(asked: Identify) -> Principal:
        seen.append((phase, asked.proof))
        return _principal(asked.proof)

    await policy.serve(Handler(IDENTIFY, answer, limit=10_000))
    outcomes: dict[str, str] = {}
    stop = asyncio.Event()

    async def ask(proof: str) -> None:
        try:
            await gateway.request(IDENTIFY, Identify(proof=proof))
            outcomes[proof] = "ok"
        except ExecutorError as error:
            outcomes[proof] = type(error).__name__

    async def keep_asking(number: int) -> None:
        n = 0
        while not stop.is_set():
            await ask(f"{phase} {number} {n}")
            n += 1
            await asyncio.sleep(0)

    askers = [asyncio.create_task(keep_asking(number)) for number in range(20)]
    await eventually(lambda: len(seen) > 200)
    await wire.cut()
    phase = "cut"
    await asyncio.gather(*(ask(f"cut {n}") for n in range(50)))
    assert {outcomes[f"cut {n}"] for n in range(50)} == {UnavailableError.__name__}
    stop.set()
    phase = "mended"
    await wire.mend()
    await asyncio.gather(*askers)
    await ask("mended control")
    assert outcomes["mended control"] == "ok"
    late = [proof for when, proof in seen if when == "mended" and not proof.startswith("mended")]
    assert late == []
    told_nothing_was_done = {p for p, o in outcomes.items() if o == UnavailableError.__name__}
    assert told_nothing_was_done.isdisjoint(proof for _, proof in seen)
    assert set(outcomes.values()) <= {"ok", UnavailableError.__name__, DeadlineExceededError.__name__}


async def test_an_event_without_a_connection_is_no_error(wire: Wire):
    policy, gateway = await wire.bus(ServiceName.POLICY), await wire.bus(ServiceName.GATEWAY)
    heard: list[str] = []

    async def hear(said: CallFinished) -> None:
        heard.append(said.call)

    await policy.hear(Listener(CALL_FINISHED, hear))
    await wire.cut()
    await gateway.say(CALL_FINISHED, CallFinished(call="lost", outcome="ok"))
    await wire.mend()
    await gateway.say(CALL_FINISHED, CallFinished(call="kept", outcome="ok"))
    await eventually(lambda: bool(heard))
    assert heard == ["kept"]
