"""The record of calls, on both storages."""

import pytest

from executor_policy.domain.call import Ending
from executor_shared.contracts.policy import CallFinished, GetCall, ListCalls, RuleSpec
from executor_shared.errors import NotFoundError

from .house import ADMIN, House, proof


async def test_the_first_outcome_stands_and_only_unknown_is_corrected(house: House):
    await house.call(ADMIN, house.tool("a"), id_="call_1")
    await house.recorder.flush()
    for said, stands in (("unknown", "unknown"), ("ok", "ok"), ("unknown", "ok"), ("tool_error", "ok")):
        await house.use.finish(CallFinished(call="call_1", outcome=said))  # pyright: ignore[reportArgumentType] - literals
        record = await house.use.get_call(GetCall(proof=proof(ADMIN), id="call_1"))
        assert (record.state, record.outcome) == ("finished", stands)


async def test_an_outcome_may_arrive_before_the_record_of_a_read(house: House):
    await house.call(ADMIN, house.tool("a"), id_="call_1")
    await house.use.finish(CallFinished(call="call_1", outcome="tool_error", code="upstream_http_error"))
    await house.recorder.flush()
    record = await house.use.get_call(GetCall(proof=proof(ADMIN), id="call_1"))
    assert (record.outcome, record.code) == ("tool_error", "upstream_http_error")


async def test_calls_that_never_ended_become_unknown_and_the_late_word_corrects_it(house: House):
    await house.apply(RuleSpec(name="ok", effect="allow", tool="crm.org.main.a"))
    tool = house.tool("a", effect="write")
    await house.call(ADMIN, tool, id_="call_1", seconds=10)
    await house.call(ADMIN, tool, id_="call_2", seconds=100)
    house.clock.forward(71)
    await house.sweep()
    await house.standing.refresh()
    one = await house.use.get_call(GetCall(proof=proof(ADMIN), id="call_1"))
    two = await house.use.get_call(GetCall(proof=proof(ADMIN), id="call_2"))
    assert (one.outcome, two.outcome, two.state) == ("unknown", None, "dispatched")
    await house.use.finish(CallFinished(call="call_1", outcome="ok"))
    one = await house.use.get_call(GetCall(proof=proof(ADMIN), id="call_1"))
    assert one.outcome == "ok"


async def test_foreign_and_unknown_calls_are_told_alike(house: House):
    alice, bob = await house.person("alice"), await house.person("bob")
    await house.call(alice, house.tool("a"), id_="call_1")
    await house.recorder.flush()
    told: set[str] = set()
    for token, call in ((bob, "call_1"), ("other-admin", "call_1"), (bob, "call_unknown")):
        with pytest.raises(NotFoundError) as error:
            await house.use.get_call(GetCall(proof=proof(token), id=call))
        told.add(f"{error.value.message}{error.value.details}")
    assert len(told) == 1
    for token in (alice, ADMIN):
        assert (await house.use.get_call(GetCall(proof=proof(token), id="call_1"))).subject == "alice"


async def test_calls_are_listed_newest_first_by_tool_and_outcome(house: House):
    alice = await house.person("alice")
    a, b = house.tool("a"), house.tool("b")
    for number, (token, tool) in enumerate(((alice, a), (ADMIN, a), (alice, b), (alice, a))):
        house.clock.forward(1)
        await house.call(token, tool, id_=f"call_{number}")
    await house.recorder.flush()
    await house.calls.finish([Ending("call_0", "ok", None, 1.0)])

    async def listed(ask: ListCalls) -> list[str]:
        return [call.id for call in (await house.use.list_calls(ask)).calls]

    assert await listed(ListCalls(proof=proof(ADMIN))) == ["call_3", "call_2", "call_1", "call_0"]
    assert await listed(ListCalls(proof=proof(alice))) == ["call_3", "call_2", "call_0"]
    assert await listed(ListCalls(proof=proof(alice), tool="crm.org.main.a")) == ["call_3", "call_0"]
    assert await listed(ListCalls(proof=proof(alice), outcome="ok")) == ["call_0"]
    page = await house.use.list_calls(ListCalls(proof=proof(alice), limit=2))
    assert page.next == "call_2"
    assert await listed(ListCalls(proof=proof(alice), limit=2, before=page.next)) == ["call_0"]
    assert await listed(ListCalls(proof=proof("other-admin"))) == []
