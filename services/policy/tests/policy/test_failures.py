"""What happens when something is not there, or is not what it should be: closed, and said plainly."""

from collections.abc import Sequence

import pytest

from executor_policy.domain.approval import ApprovalUse
from executor_policy.domain.call import Admission, Call
from executor_policy.storage.batching import BatchingRecorder
from executor_policy.storage.memory import MemoryApprovals, MemoryCalls, MemoryPolicies
from executor_shared.contracts.policy import (
    Allow,
    ApprovalNeeded,
    GetApproval,
    GetCall,
    ListApprovals,
    ListCalls,
    RuleSpec,
)
from executor_shared.errors import BusyError, InvalidRequestError, NotFoundError, UnavailableError

from .house import ADMIN, House, build, proof

NUL = "a\0b"


class AwayCalls(MemoryCalls):
    """A record that cannot be written while `away`."""

    away = True

    async def admit(self, call: Call, *, policy_revision: int, use: ApprovalUse | None = None) -> Admission:
        """Fail as the database does."""
        if self.away:
            raise UnavailableError("The database cannot be reached.")
        return await super().admit(call, policy_revision=policy_revision, use=use)

    async def note(self, calls: Sequence[Call]) -> None:
        """Fail as the database does; a record named `bad` cannot be stored at all."""
        if self.away:
            raise UnavailableError("The database cannot be reached.")
        if any(call.id == "bad" for call in calls):
            raise ValueError("cannot be stored")
        await super().note(calls)


@pytest.fixture
async def away() -> tuple[House, AwayCalls]:
    """A house whose record is away."""
    policies, approvals = MemoryPolicies(), MemoryApprovals()
    calls = AwayCalls(policies, approvals)
    house = build(policies, approvals, calls)
    await house.begin()
    return house, calls


async def test_nothing_that_may_change_something_is_allowed_without_its_record(away: tuple[House, AwayCalls]):
    house, _ = away
    await house.apply(RuleSpec(name="ok", effect="allow", tool="crm.*"))
    with pytest.raises(UnavailableError):
        await house.call(ADMIN, house.tool("a", effect="write"))


async def test_reads_go_on_until_the_buffer_is_full_and_nothing_is_lost(away: tuple[House, AwayCalls]):
    house, calls = away
    tool = house.tool("a")
    for number in range(1000):
        assert isinstance(await house.call(ADMIN, tool, id_=f"call_{number}"), Allow)
    with pytest.raises(BusyError):
        await house.call(ADMIN, tool)
    with pytest.raises(UnavailableError):
        await house.recorder.flush()
    calls.away = False
    await house.recorder.flush()
    assert await calls.get("default", "call_0")
    assert await calls.get("default", "call_999")
    assert isinstance(await house.call(ADMIN, tool), Allow)


async def test_one_record_that_cannot_be_stored_does_not_hold_up_the_others(away: tuple[House, AwayCalls]):
    house, calls = away
    calls.away = False
    tool = house.tool("a")
    for id_ in ("call_1", "bad", "call_2"):
        await house.call(ADMIN, tool, id_=id_)
    await house.recorder.flush()
    assert await calls.get("default", "call_1")
    assert await calls.get("default", "call_2")


async def test_the_recorder_writes_what_waits_when_it_stops(away: tuple[House, AwayCalls]):
    house, calls = away
    calls.away = False
    recorder = BatchingRecorder(calls)
    await recorder.start()
    await house.call(ADMIN, house.tool("a"), id_="call_1")
    for call in house.recorder._waiting:
        recorder.note(call)
    await recorder.stop()
    assert await calls.get("default", "call_1")


async def test_texts_that_a_database_cannot_hold_are_answered_and_not_crashed_on(house: House):
    await house.apply(RuleSpec(name="ok", effect="allow", tool="crm.*"))
    tool = house.tool("a", effect="write")
    assert isinstance(await house.call(ADMIN, tool, {"x": NUL}, client=NUL, id_="call_1"), Allow)
    await house.call(ADMIN, NUL)
    await house.recorder.flush()
    record = await house.use.get_call(GetCall(proof=proof(ADMIN), id="call_1"))
    assert record.client == "a\N{REPLACEMENT CHARACTER}b"
    with pytest.raises(InvalidRequestError, match="idempotency_key"):
        await house.call(ADMIN, tool, idempotency_key=NUL)
    with pytest.raises(InvalidRequestError, match="approval"):
        await house.call(ADMIN, tool, approval=NUL)
    for id_ in (NUL, "", "x" * 10_000):
        with pytest.raises(NotFoundError):
            await house.use.get_call(GetCall(proof=proof(ADMIN), id=id_))
        with pytest.raises(NotFoundError):
            await house.use.get_approval(GetApproval(proof=proof(ADMIN), id=id_))
    with pytest.raises(InvalidRequestError):
        await house.use.list_calls(ListCalls(proof=proof(ADMIN), before=NUL))
    with pytest.raises(InvalidRequestError):
        await house.use.list_approvals(ListApprovals(proof=proof(ADMIN), before=NUL))
    assert (await house.use.list_calls(ListCalls(proof=proof(ADMIN), before="call_unknown"))).calls == ()


async def test_rules_with_texts_that_cannot_be_kept_are_refused(house: House):
    for rule in (
        RuleSpec(name=NUL, effect="block", tool="*"),
        RuleSpec(name="r", effect="block", tool="*", reason=NUL),
        RuleSpec(name="r", effect="block", tool="*", groups=(NUL,)),
    ):
        with pytest.raises(InvalidRequestError):
            await house.apply(rule)
    await house.apply(RuleSpec(name="r", effect="block", tool=f"crm.{'x' * 300}", reason="two\nlines"))


async def test_one_requester_cannot_fill_the_house_with_approvals(house: House):
    alice, tool = await house.person("alice"), house.tool("a", effect="write")
    for number in range(200):
        assert isinstance(await house.call(alice, tool, {"n": number}), ApprovalNeeded)
    with pytest.raises(BusyError):
        await house.call(alice, tool, {"n": 200})
    assert isinstance(await house.call(alice, tool, {"n": 0}), ApprovalNeeded)
    assert isinstance(await house.call(ADMIN, tool, {"n": 0}), ApprovalNeeded)
