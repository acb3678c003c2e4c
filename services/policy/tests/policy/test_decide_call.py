"""The decision on a call, on both storages."""

import asyncio

import msgspec
import pytest

from executor_policy.domain.call import Ending
from executor_shared.canonical import digest
from executor_shared.contracts.policy import Allow, AlreadyCalled, ApprovalNeeded, Block, RuleSpec
from executor_shared.errors import ConflictError, NotAuthenticatedError, UnavailableError

from .house import ADMIN, House


async def test_a_read_is_allowed_and_the_grant_says_exactly_what_was_asked(house: House):
    tool = house.tool("customers.list")
    decision = await house.call(ADMIN, tool, {"limit": 3}, id_="call_1", revision=7)
    assert isinstance(decision, Allow)
    grant = house.verifier.verify(decision.grant)
    assert (grant.call, grant.tenant, grant.subject) == ("call_1", "default", "admin")
    assert (grant.tool, grant.connection) == ("crm.org.main.customers.list", "conn_default_crm_org")
    assert (grant.origin, grant.credential) == ("https://crm.example:443", "cred_1")
    assert grant.arguments == digest({"limit": 3})
    assert grant.deadline == decision.deadline == house.clock.now() + 60
    assert house.catalog.asked == [7]


async def test_a_grant_never_lives_longer_than_two_minutes(house: House):
    decision = await house.call(ADMIN, house.tool("a"), seconds=3600)
    assert isinstance(decision, Allow)
    assert decision.deadline == house.clock.now() + 120


async def test_a_call_whose_deadline_has_passed_is_not_granted(house: House):
    with pytest.raises(UnavailableError):
        await house.call(ADMIN, house.tool("a"), seconds=-1)


async def test_an_unknown_proof_is_nobody(house: House):
    tool = house.tool("a")
    for token in ("nobody", "", "x" * 5000):
        with pytest.raises(NotAuthenticatedError):
            await house.call(token, tool)


async def test_foreign_unknown_private_and_held_tools_are_told_alike(house: House):
    alice = await house.person("alice", "support")
    told = {
        str(await house.call(alice, tool))
        for tool in (
            house.tool("foreign", tenant="other"),
            house.tool("private", owner="user:bob"),
            house.tool("team", owner="team:finance"),
            "tool_unknown",
        )
    }
    assert len(told) == 1
    assert "tool_not_found" in told.pop()


async def test_a_write_needs_an_approval_and_a_block_says_by_which_rule(house: House):
    tool = house.tool("delete", effect="destructive")
    assert isinstance(await house.call(ADMIN, tool), ApprovalNeeded)
    await house.apply(RuleSpec(name="never", effect="block", tool="crm.*", reason="Not this one."))
    decision = await house.call(ADMIN, tool)
    assert isinstance(decision, Block)
    assert (decision.code, decision.rule, decision.reason) == ("tool_blocked", "never", "Not this one.")


async def test_a_toolkit_endpoint_offers_only_its_tools_and_organisation_rules_hold_there(house: House):
    inside, outside = house.tool("inside"), house.tool("outside")
    house.toolkit("support", "crm.org.main.inside")
    await house.apply(
        RuleSpec(name="mine", effect="allow", tool="*", scope="toolkit:support"),
    )
    assert isinstance(await house.call(ADMIN, inside, toolkit="support"), Allow)
    for tool, kit in ((outside, "support"), (inside, "unknown")):
        decision = await house.call(ADMIN, tool, toolkit=kit)
        assert isinstance(decision, Block)
        assert decision.code == "tool_not_found"
    await house.apply(RuleSpec(name="org", effect="block", tool="crm.org.main.inside"))
    decision = await house.call(ADMIN, inside, toolkit="support")
    assert isinstance(decision, Block)
    assert decision.rule == "org"


async def test_arguments_that_are_no_object_are_refused(house: House):
    tool = house.tool("a")
    twice = msgspec.Raw(b'{"pay":{"amount":100000,"amount":1}}')
    for arguments in ([], "text", 3, {"n": 2**60}, twice):
        decision = await house.call(ADMIN, tool, arguments)
        assert isinstance(decision, Block), arguments
        assert decision.code == "invalid_tool_arguments"


async def test_large_arguments_hold_up_nobody_else(house: House):
    tool = house.tool("a")
    large = asyncio.create_task(house.call(ADMIN, tool, {"list": [0.5] * 100_000}))
    await asyncio.sleep(0)
    assert isinstance(await house.call(ADMIN, tool, {"limit": 3}), Allow)
    assert not large.done()
    assert isinstance(await large, Allow)


@pytest.mark.parametrize("effect", ["read", "write"])
async def test_a_call_id_is_granted_once(house: House, effect: str):
    await house.apply(RuleSpec(name="ok", effect="allow", tool="crm.org.main.a"))
    tool = house.tool("a", effect=effect)  # pyright: ignore[reportArgumentType] - one of the literals
    assert isinstance(await house.call(ADMIN, tool, id_="call_same"), Allow)
    with pytest.raises(ConflictError):
        await house.call(ADMIN, tool, id_="call_same")


async def test_what_may_change_something_is_recorded_before_it_is_allowed(house: House):
    await house.apply(RuleSpec(name="ok", effect="allow", tool="crm.org.main.a"))
    tool = house.tool("a", effect="write")
    assert isinstance(await house.call(ADMIN, tool, {"x": 1}, id_="call_1"), Allow)
    found = await house.calls.get("default", "call_1")
    assert found
    assert (found.call.decision, found.call.rule, found.call.matched) == ("allow", "ok", ("ok",))
    assert found.outcome is None
    assert found.call.arguments_digest == digest({"x": 1})


async def test_a_read_is_recorded_by_the_batch(house: House):
    tool = house.tool("a")
    await house.call(ADMIN, tool, id_="call_1")
    await house.call(ADMIN, "tool_unknown", id_="call_2")
    await house.recorder.flush()
    one, two = await house.calls.get("default", "call_1"), await house.calls.get("default", "call_2")
    assert one
    assert two
    assert (one.outcome, two.outcome, two.code) == (None, "blocked", "tool_not_found")


@pytest.mark.parametrize("effect", ["read", "write"])
async def test_an_idempotency_key_never_runs_twice(house: House, effect: str):
    await house.apply(RuleSpec(name="ok", effect="allow", tool="crm.org.main.a"))
    tool = house.tool("a", effect=effect)  # pyright: ignore[reportArgumentType] - one of the literals
    first = await house.call(ADMIN, tool, {"x": 1, "y": 2}, id_="call_1", idempotency_key="k")
    assert isinstance(first, Allow)
    again = await house.call(ADMIN, tool, {"y": 2, "x": 1}, idempotency_key="k")
    assert again == AlreadyCalled(call="call_1", outcome="dispatched")
    await house.calls.finish([Ending("call_1", "ok", None, house.clock.now())])
    again = await house.call(ADMIN, tool, {"x": 1, "y": 2}, idempotency_key="k")
    assert again == AlreadyCalled(call="call_1", outcome="ok")
    other = await house.call(ADMIN, tool, {"x": 2}, idempotency_key="k")
    assert isinstance(other, Block)
    assert other.code == "duplicate_call"
    assert "call_1" in other.reason
    assert isinstance(await house.call(ADMIN, tool, {"x": 1}, idempotency_key="k2"), Allow)


async def test_another_principals_idempotency_key_is_its_own(house: House):
    bob = await house.person("bob")
    tool = house.tool("a")
    for token in (ADMIN, bob):
        assert isinstance(await house.call(token, tool, idempotency_key="k"), Allow)


async def test_a_changed_policy_decides_even_where_the_news_did_not_arrive(house: House):
    await house.apply(RuleSpec(name="ok", effect="allow", tool="crm.org.main.a"))
    tool = house.tool("a", effect="write")
    standing = house.standing._snapshot
    await house.apply(RuleSpec(name="ok", effect="block", tool="crm.org.main.a"))
    house.standing._snapshot = standing
    assert isinstance(await house.call(ADMIN, tool), Block)


async def test_nothing_is_decided_with_rules_that_were_not_confirmed_for_long(house: House):
    tool = house.tool("a")
    house.clock.forward(121)
    with pytest.raises(UnavailableError):
        await house.call(ADMIN, tool)
    await house.standing.refresh()
    assert isinstance(await house.call(ADMIN, tool), Allow)
