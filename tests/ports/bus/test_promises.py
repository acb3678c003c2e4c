"""What every transport must keep: answers, errors, limits, deadlines."""

import asyncio
import random
import time

import msgspec
import pytest
import structlog

from executor_shared import context
from executor_shared.bus import Handler
from executor_shared.contracts.adapters import EXECUTE_CALL, ExecuteCall, Executed
from executor_shared.contracts.base import ServiceName
from executor_shared.contracts.policy import IDENTIFY, Identify
from executor_shared.contracts.vocabulary import Principal
from executor_shared.errors import (
    BusyError,
    Code,
    ConflictError,
    DeadlineExceededError,
    InternalError,
    TooLargeError,
    UnavailableError,
    UpstreamError,
)
from executor_shared.ids import CallId
from executor_shared.testing.wires import Wire


def _principal(subject: str) -> Principal:
    return Principal(tenant="default", subject=subject, person=subject)


async def _echo(asked: Identify) -> Principal:
    return _principal(asked.proof)


async def test_an_answer_comes_back_typed(wire: Wire):
    policy, gateway = await wire.bus(ServiceName.POLICY), await wire.bus(ServiceName.GATEWAY)
    await policy.serve(Handler(IDENTIFY, _echo))
    assert await gateway.request(IDENTIFY, Identify(proof="abc")) == _principal("abc")


async def test_a_slow_request_never_holds_up_the_next(wire: Wire):
    policy, gateway = await wire.bus(ServiceName.POLICY), await wire.bus(ServiceName.GATEWAY)
    taken, release = asyncio.Event(), asyncio.Event()

    async def answer(asked: Identify) -> Principal:
        if asked.proof == "slow":
            taken.set()
            await release.wait()
        return _principal(asked.proof)

    await policy.serve(Handler(IDENTIFY, answer))
    slow = asyncio.create_task(gateway.request(IDENTIFY, Identify(proof="slow")))
    await taken.wait()
    try:
        assert (await gateway.request(IDENTIFY, Identify(proof="fast"))).subject == "fast"
        assert not slow.done()
    finally:
        release.set()
    assert (await slow).subject == "slow"


async def test_nobody_serving_fails_at_once(wire: Wire):
    gateway = await wire.bus(ServiceName.GATEWAY)
    began = time.monotonic()
    with pytest.raises(UnavailableError, match="No service answers"):
        await gateway.request(IDENTIFY, Identify(proof="x"))
    assert time.monotonic() - began < IDENTIFY.timeout / 4


async def test_the_wait_ends_at_the_deadline_of_the_call(wire: Wire):
    policy, gateway = await wire.bus(ServiceName.POLICY), await wire.bus(ServiceName.GATEWAY)
    release = asyncio.Event()

    async def answer(asked: Identify) -> Principal:
        await release.wait()
        return _principal(asked.proof)

    await policy.serve(Handler(IDENTIFY, answer))
    began = time.monotonic()
    with context.deadline_in(0.2), pytest.raises(DeadlineExceededError):
        await gateway.request(IDENTIFY, Identify(proof="x"))
    assert 0.15 < time.monotonic() - began < 1.5
    release.set()


async def test_nothing_is_asked_after_the_deadline(wire: Wire):
    policy, gateway = await wire.bus(ServiceName.POLICY), await wire.bus(ServiceName.GATEWAY)
    seen: list[str] = []

    async def answer(asked: Identify) -> Principal:
        seen.append(asked.proof)
        return _principal(asked.proof)

    await policy.serve(Handler(IDENTIFY, answer))
    with context.deadline_in(-1), pytest.raises(UnavailableError, match="nothing was started"):
        await gateway.request(IDENTIFY, Identify(proof="late"))
    await gateway.request(IDENTIFY, Identify(proof="control"))
    assert seen == ["control"]


async def test_one_more_than_the_limit_is_busy(wire: Wire):
    policy, gateway = await wire.bus(ServiceName.POLICY), await wire.bus(ServiceName.GATEWAY)
    taken, release = asyncio.Semaphore(0), asyncio.Event()

    async def answer(asked: Identify) -> Principal:
        taken.release()
        await release.wait()
        return _principal(asked.proof)

    await policy.serve(Handler(IDENTIFY, answer, limit=2))
    held = [asyncio.create_task(gateway.request(IDENTIFY, Identify(proof=str(n)))) for n in range(2)]
    for _ in held:
        await taken.acquire()
    with pytest.raises(BusyError):
        await gateway.request(IDENTIFY, Identify(proof="third"))
    release.set()
    assert {one.subject for one in await asyncio.gather(*held)} == {"0", "1"}
    assert (await gateway.request(IDENTIFY, Identify(proof="again"))).subject == "again"


async def test_a_named_error_arrives_as_its_own_class_with_details(wire: Wire):
    policy, gateway = await wire.bus(ServiceName.POLICY), await wire.bus(ServiceName.GATEWAY)

    async def answer(asked: Identify) -> Principal:
        if asked.proof == "up":
            raise UpstreamError("Fell over.", code=Code.UPSTREAM_TIMEOUT, sent=True, details={"status": 504})
        raise ConflictError("Twice: „ü\r\nX-Evil: 1”", details={"field": "slug", "n": [1, 2]})

    await policy.serve(Handler(IDENTIFY, answer))
    with pytest.raises(ConflictError) as conflict:
        await gateway.request(IDENTIFY, Identify(proof="x"))
    assert conflict.value.message == "Twice: „ü\r\nX-Evil: 1”"
    assert conflict.value.details == {"field": "slug", "n": [1, 2]}
    with pytest.raises(UpstreamError) as upstream:
        await gateway.request(IDENTIFY, Identify(proof="up"))
    assert (upstream.value.code, upstream.value.sent) == (Code.UPSTREAM_TIMEOUT, True)


async def test_an_unexpected_error_tells_only_an_id(wire: Wire):
    policy, gateway = await wire.bus(ServiceName.POLICY), await wire.bus(ServiceName.GATEWAY)

    async def answer(asked: Identify) -> Principal:
        raise RuntimeError(f"the password is {asked.proof}")

    await policy.serve(Handler(IDENTIFY, answer))
    with structlog.testing.capture_logs() as logged, pytest.raises(InternalError) as error:
        await gateway.request(IDENTIFY, Identify(proof="hunter2"))
    assert "hunter2" not in error.value.message
    (line,) = [one for one in logged if one["event"] == "request.failed"]
    assert line["error_id"] in error.value.message


async def test_a_large_message_passes_both_ways(wire: Wire):
    adapters, gateway = await wire.bus(ServiceName.ADAPTERS), await wire.bus(ServiceName.GATEWAY)
    rows = ",".join(f'{{"id":{n},"name":"customer number {n}","active":true}}' for n in range(250_000))
    large = msgspec.Raw(f"[{rows}]".encode())
    assert len(large) > 12_000_000

    async def execute(asked: ExecuteCall) -> Executed:
        return Executed(outcome="ok", result=asked.arguments)

    await adapters.serve(Handler(EXECUTE_CALL, execute, routes=(("default", "mcp"),)))
    done = await gateway.request(EXECUTE_CALL, _call(large), route=("default", "mcp"))
    assert isinstance(done.result, msgspec.Raw)
    assert bytes(done.result) == bytes(large)


def _call(arguments: msgspec.Raw) -> ExecuteCall:
    nothing = msgspec.Raw(b"{}")
    return ExecuteCall(grant="g", arguments=arguments, target=nothing, binding=nothing, public_digest="d")


def _incompressible() -> msgspec.Raw:
    return msgspec.Raw(b'"' + random.Random(7).randbytes(8 * 1024 * 1024).hex().encode() + b'"')


async def test_too_large_a_question_is_refused_before_it_is_sent(wire: Wire):
    adapters, gateway = await wire.bus(ServiceName.ADAPTERS), await wire.bus(ServiceName.GATEWAY)

    async def execute(asked: ExecuteCall) -> Executed:
        return Executed(outcome="ok", result=asked.arguments)

    await adapters.serve(Handler(EXECUTE_CALL, execute, routes=(("default", "mcp"),)))
    with pytest.raises(TooLargeError, match="nothing was sent"):
        await gateway.request(EXECUTE_CALL, _call(_incompressible()), route=("default", "mcp"))
    control = await gateway.request(EXECUTE_CALL, _call(msgspec.Raw(b"{}")), route=("default", "mcp"))
    assert control.outcome == "ok"


async def test_too_large_an_answer_is_told_at_once(wire: Wire):
    adapters, gateway = await wire.bus(ServiceName.ADAPTERS), await wire.bus(ServiceName.GATEWAY)

    async def execute(asked: ExecuteCall) -> Executed:
        return Executed(outcome="ok", result=_incompressible())

    await adapters.serve(Handler(EXECUTE_CALL, execute, routes=(("default", "mcp"),)))
    with context.deadline_in(20), pytest.raises(TooLargeError, match="answer"):
        await gateway.request(EXECUTE_CALL, _call(msgspec.Raw(b"{}")), route=("default", "mcp"))


async def test_headers_carry_the_context(wire: Wire):
    policy, gateway = await wire.bus(ServiceName.POLICY), await wire.bus(ServiceName.GATEWAY)
    found: list[context.CallContext | None] = []

    async def answer(asked: Identify) -> Principal:
        found.append(context.current())
        return _principal(asked.proof)

    await policy.serve(Handler(IDENTIFY, answer))
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    here = context.CallContext(CallId("call_1"), time.time() + 1.5, "acme", trace)
    with context.opened(here):
        await gateway.request(IDENTIFY, Identify(proof="x"))
    (there,) = found
    assert there is not None
    assert (there.call_id, there.tenant, there.traceparent) == ("call_1", "acme", trace)
    assert abs(there.deadline - here.deadline) < 0.05


async def test_a_route_reaches_only_those_who_serve_it(wire: Wire):
    adapters, gateway = await wire.bus(ServiceName.ADAPTERS), await wire.bus(ServiceName.GATEWAY)

    async def execute(asked: ExecuteCall) -> Executed:
        return Executed(outcome="ok", result=asked.arguments)

    await adapters.serve(Handler(EXECUTE_CALL, execute, routes=(("default", "mcp"),)))
    with context.deadline_in(5), pytest.raises(UnavailableError):
        await gateway.request(EXECUTE_CALL, _call(msgspec.Raw(b"{}")), route=("default", "openapi"))
