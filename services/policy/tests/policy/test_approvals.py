"""Approvals: asked for, decided, spent once; on both storages."""

import msgspec
import pytest

from executor_shared.canonical import digest
from executor_shared.contracts.policy import (
    Allow,
    ApprovalNeeded,
    Approvers,
    Block,
    GetApproval,
    ListApprovals,
    RuleSpec,
)
from executor_shared.errors import ConflictError, NotFoundError, NotPermittedError

from .house import ADMIN, House, proof


async def paused(house: House, token: str, tool: str, arguments: object = None) -> ApprovalNeeded:
    decision = await house.call(token, tool, arguments)
    assert isinstance(decision, ApprovalNeeded), decision
    return decision


async def test_an_approved_call_runs_once_with_what_was_stored(house: House):
    alice, tool = await house.person("alice"), house.tool("delete", effect="destructive")
    asked = await paused(house, alice, tool, {"b": 1, "a": "é"})
    assert (asked.state, asked.expires_at) == ("pending", house.clock.now() + 900)
    assert asked.approvers == ("administrators",)
    assert await house.resolve(ADMIN, asked.approval, "approve") == "approved"
    decision = await house.call(alice, tool, {"a": "é", "b": 1}, id_="call_1")
    assert isinstance(decision, Allow)
    assert isinstance(decision.arguments, msgspec.Raw)
    assert bytes(decision.arguments) == '{"a":"é","b":1}'.encode()
    grant = house.verifier.verify(decision.grant)
    assert (grant.approval, decision.approval) == (asked.approval, asked.approval)
    assert grant.arguments == digest({"a": "é", "b": 1})
    record = await house.calls.get("default", "call_1")
    assert record
    assert (record.call.approval, record.call.decision) == (asked.approval, "require_approval")
    again = await paused(house, alice, tool, {"a": "é", "b": 1})
    assert again.approval != asked.approval


async def test_an_identical_call_joins_the_approval_that_waits(house: House):
    alice, bob = await house.person("alice"), await house.person("bob")
    tool = house.tool("delete", effect="write")
    first = await paused(house, alice, tool, {"id": 1})
    assert (await paused(house, alice, tool, {"id": 1})).approval == first.approval
    assert (await paused(house, alice, tool, {"id": 2})).approval != first.approval
    assert (await paused(house, bob, tool, {"id": 1})).approval != first.approval


async def test_an_approval_is_none_for_other_arguments_principals_or_definitions(house: House):
    alice, bob = await house.person("alice"), await house.person("bob")
    tool = house.tool("delete", effect="write")
    asked = await paused(house, alice, tool, {"id": 1})
    await house.resolve(ADMIN, asked.approval, "approve")
    await paused(house, alice, tool, {"id": 2})
    await paused(house, bob, tool, {"id": 1})
    house.tool("delete", effect="write", version="2")
    changed = await paused(house, alice, tool, {"id": 1})
    assert changed.approval != asked.approval
    house.tool("delete", effect="write", version="1")
    assert isinstance(await house.call(alice, tool, {"id": 1}, approval=asked.approval), Allow)


async def test_an_approval_never_widens_a_policy(house: House):
    alice, tool = await house.person("alice"), house.tool("delete", effect="write")
    asked = await paused(house, alice, tool)
    await house.resolve(ADMIN, asked.approval, "approve")
    await house.apply(RuleSpec(name="no", effect="block", tool="crm.*"))
    assert isinstance(await house.call(alice, tool), Block)


async def test_a_rule_that_now_asks_for_other_approvers_needs_a_new_approval(house: House):
    alice, tool = await house.person("alice"), house.tool("delete", effect="write")
    asked = await paused(house, alice, tool)
    await house.resolve(ADMIN, asked.approval, "approve")
    leads = Approvers(groups=("leads",))
    await house.apply(RuleSpec(name="leads", effect="require_approval", tool="crm.*", approvers=leads))
    again = await paused(house, alice, tool)
    assert again.approval != asked.approval
    assert again.approvers == ("leads",)


async def test_a_denial_is_told_once_and_then_may_be_asked_again(house: House):
    alice, tool = await house.person("alice"), house.tool("delete", effect="write")
    asked = await paused(house, alice, tool)
    assert await house.resolve(ADMIN, asked.approval, "deny", "Not today.") == "denied"
    told = await paused(house, alice, tool)
    assert (told.approval, told.state, told.reason) == (asked.approval, "denied", "Not today.")
    again = await paused(house, alice, tool)
    assert again.state == "pending"
    assert again.approval != asked.approval


async def test_an_approval_expires_for_deciding_and_for_using(house: House):
    alice, tool = await house.person("alice"), house.tool("delete", effect="write")
    await house.apply(
        RuleSpec(name="r", effect="require_approval", tool="crm.*", approvers=Approvers(expires=60.0))
    )
    asked = await paused(house, alice, tool)
    house.clock.forward(60)
    await house.standing.refresh()
    with pytest.raises(ConflictError):
        await house.resolve(ADMIN, asked.approval, "approve")
    second = await paused(house, alice, tool)
    assert second.approval != asked.approval
    await house.resolve(ADMIN, second.approval, "approve")
    house.clock.forward(300)
    await house.standing.refresh()
    third = await paused(house, alice, tool)
    assert third.approval not in (asked.approval, second.approval)
    await house.sweep()
    assert (second.approval, "expired") in house.heard.resolved


async def test_the_requester_and_the_same_person_may_not_decide(house: House):
    alice = await house.person("alice", "leads", admin=True)
    agent = await house.person("agent-of-alice", "leads", person="alice")
    bob = await house.person("bob", "leads")
    tool = house.tool("delete", effect="write")
    leads = Approvers(groups=("leads",))
    await house.apply(RuleSpec(name="r", effect="require_approval", tool="crm.*", approvers=leads))
    asked = await paused(house, agent, tool)
    for token in (alice, agent):
        with pytest.raises(NotPermittedError):
            await house.resolve(token, asked.approval, "approve")
    with pytest.raises(NotPermittedError):
        await house.resolve(ADMIN, asked.approval, "approve")
    assert await house.resolve(bob, asked.approval, "approve") == "approved"
    assert isinstance(await house.call(agent, tool), Allow)


async def test_the_requester_may_decide_where_the_organisation_says_so(house: House):
    alice = await house.person("alice", "leads")
    tool = house.tool("delete", effect="write")
    own = Approvers(groups=("leads",), requester=True)
    await house.apply(RuleSpec(name="r", effect="require_approval", tool="crm.*", approvers=own))
    asked = await paused(house, alice, tool)
    assert await house.resolve(alice, asked.approval, "approve") == "approved"
    assert isinstance(await house.call(alice, tool), Allow)


async def test_a_users_own_rule_does_not_choose_milder_approvers(house: House):
    alice = await house.person("alice", "friends")
    tool = house.tool("delete", effect="write")
    own = Approvers(groups=("friends",), requester=True)
    await house.apply(
        RuleSpec(name="r", effect="require_approval", tool="crm.*", scope="user:alice", approvers=own)
    )
    asked = await paused(house, alice, tool)
    with pytest.raises(NotPermittedError):
        await house.resolve(alice, asked.approval, "approve")


async def test_every_rule_that_asks_must_be_satisfied(house: House):
    alice, tool = await house.person("alice"), house.tool("delete", effect="write")
    one, two = await house.person("one", "a"), await house.person("two", "a", "b")
    for name, group in (("r1", "a"), ("r2", "b")):
        approvers = Approvers(groups=(group,))
        await house.apply(RuleSpec(name=name, effect="require_approval", tool="crm.*", approvers=approvers))
    asked = await paused(house, alice, tool)
    with pytest.raises(NotFoundError):
        await house.resolve(one, asked.approval, "approve")
    assert await house.resolve(two, asked.approval, "approve") == "approved"


async def test_only_the_requester_withdraws_also_after_the_approval(house: House):
    alice, tool = await house.person("alice"), house.tool("delete", effect="write")
    asked = await paused(house, alice, tool)
    with pytest.raises(NotPermittedError):
        await house.resolve(ADMIN, asked.approval, "withdraw")
    await house.resolve(ADMIN, asked.approval, "approve")
    assert await house.resolve(alice, asked.approval, "withdraw") == "withdrawn"
    assert (await paused(house, alice, tool)).approval != asked.approval
    assert house.heard.resolved == [(asked.approval, "approved"), (asked.approval, "withdrawn")]


async def test_a_decision_stands(house: House):
    second = await house.person("second", admin=True)
    alice, tool = await house.person("alice"), house.tool("delete", effect="write")
    asked = await paused(house, alice, tool)
    await house.resolve(ADMIN, asked.approval, "approve")
    assert await house.resolve(ADMIN, asked.approval, "approve") == "approved"
    for token, decision in ((second, "approve"), (second, "deny"), (ADMIN, "deny")):
        with pytest.raises(ConflictError):
            await house.resolve(token, asked.approval, decision)


async def test_foreign_and_unknown_approvals_are_told_alike(house: House):
    alice, bob = await house.person("alice"), await house.person("bob")
    asked = await paused(house, alice, house.tool("delete", effect="write"))
    told: set[str] = set()
    for token, approval in ((bob, asked.approval), ("other-admin", asked.approval), (bob, "apr_unknown")):
        with pytest.raises(NotFoundError) as error:
            await house.use.get_approval(GetApproval(proof=proof(token), id=approval))
        told.add(f"{error.value.message}{error.value.details}")
        with pytest.raises(NotFoundError) as error:
            await house.resolve(token, approval, "deny")
        told.add(f"{error.value.message}{error.value.details}")
    assert len(told) == 1


async def test_an_approval_shows_what_will_run_and_who_may_decide(house: House):
    alice, tool = await house.person("alice"), house.tool("delete", effect="destructive")
    asked = await paused(house, alice, tool, {"b": 2, "a": 1})
    seen = await house.use.get_approval(GetApproval(proof=proof(ADMIN), id=asked.approval))
    assert bytes(seen.arguments) == b'{"a":1,"b":2}'
    assert (seen.tool, seen.requester, seen.origin) == (
        "crm.org.main.delete",
        "alice",
        "https://crm.example:443",
    )
    assert (seen.state, seen.effect, seen.may_decide) == ("pending", "destructive", True)
    own = await house.use.get_approval(GetApproval(proof=proof(alice), id=asked.approval))
    assert not own.may_decide


async def test_approvals_are_listed_newest_first_page_by_page(house: House):
    alice, lead = await house.person("alice"), await house.person("lead", "leads")
    tool = house.tool("delete", effect="write")
    leads = Approvers(groups=("leads",))
    ids: list[str] = []
    for number in range(5):
        house.clock.forward(1)
        if number == 3:
            await house.apply(RuleSpec(name="r", effect="require_approval", tool="crm.*", approvers=leads))
        ids.append((await paused(house, alice, tool, {"n": number})).approval)
    page = await house.use.list_approvals(ListApprovals(proof=proof(alice), limit=3))
    rest = await house.use.list_approvals(ListApprovals(proof=proof(alice), limit=3, before=page.next))
    assert [a.id for a in (*page.approvals, *rest.approvals)] == ids[::-1]
    assert rest.next is None
    seen = await house.use.list_approvals(ListApprovals(proof=proof(lead)))
    assert [a.id for a in seen.approvals] == [ids[4], ids[3]]
    await house.resolve(lead, ids[4], "deny")
    seen = await house.use.list_approvals(ListApprovals(proof=proof(lead), state="pending"))
    assert [a.id for a in seen.approvals] == [ids[3]]
    other = await house.use.list_approvals(ListApprovals(proof=proof("other-admin")))
    assert other.approvals == ()


async def test_an_idempotency_key_is_not_spent_by_waiting(house: House):
    alice, tool = await house.person("alice"), house.tool("delete", effect="write")
    decision = await house.call(alice, tool, idempotency_key="k")
    assert isinstance(decision, ApprovalNeeded)
    await house.resolve(ADMIN, decision.approval, "approve")
    assert isinstance(await house.call(alice, tool, idempotency_key="k"), Allow)
    decision = await house.call(alice, tool, idempotency_key="k")
    assert not isinstance(decision, Allow | ApprovalNeeded)


async def test_a_named_approval_tells_how_it_stands(house: House):
    alice, tool = await house.person("alice"), house.tool("delete", effect="write")
    asked = await paused(house, alice, tool)
    await house.resolve(alice, asked.approval, "withdraw")
    decision = await house.call(alice, tool, approval=asked.approval)
    assert isinstance(decision, ApprovalNeeded)
    assert (decision.approval, decision.state) == (asked.approval, "withdrawn")
