"""Defects found in comparable products, each as a promise of this one."""

import pytest

from executor_shared.contracts.policy import Allow, ApprovalNeeded, Approvers, Block, RuleSpec
from executor_shared.errors import NotPermittedError

from .house import ADMIN, House


async def test_an_agent_cannot_approve_its_own_call_whatever_it_sends(house: House):
    """The decision never passes through the agent, and no client can choose another way."""
    agent, tool = await house.person("agent"), house.tool("delete", effect="destructive")
    asked = await house.call(agent, tool)
    assert isinstance(asked, ApprovalNeeded)
    with pytest.raises(NotPermittedError):
        await house.resolve(agent, asked.approval, "approve")
    for how in ({"approval": asked.approval}, {"approval": "apr_guessed"}, {"client": "admin"}):
        again = await house.call(agent, tool, **how)  # pyright: ignore[reportArgumentType] - texts only
        assert isinstance(again, ApprovalNeeded)


async def test_a_toolkit_does_not_replace_the_rules_of_the_organisation(house: House):
    alice = await house.person("alice")
    blocked, paused = house.tool("a"), house.tool("b", effect="write")
    house.toolkit("mine", "*")
    await house.apply(
        RuleSpec(name="org", effect="block", tool="crm.org.main.a"),
        RuleSpec(name="mine", effect="allow", tool="*", scope="toolkit:mine"),
        RuleSpec(name="mine named", effect="allow", tool="crm.*", scope="toolkit:mine"),
    )
    assert isinstance(await house.call(alice, blocked, toolkit="mine"), Block)
    assert isinstance(await house.call(alice, paused, toolkit="mine"), ApprovalNeeded)


async def test_a_users_allow_everything_does_not_switch_off_default_approvals(house: House):
    alice, tool = await house.person("alice"), house.tool("delete", effect="destructive")
    await house.apply(
        RuleSpec(name="mine", effect="allow", tool="*", scope="user:alice"),
        RuleSpec(name="mine named", effect="allow", tool="crm.org.main.delete", scope="user:alice"),
    )
    assert isinstance(await house.call(alice, tool), ApprovalNeeded)


async def test_a_tool_of_unknown_effect_does_not_run_free(house: House):
    """A tool without annotations is `destructive` in the catalog, and so needs an approval."""
    tool = house.tool("unannotated", effect="destructive")
    assert isinstance(await house.call(ADMIN, tool), ApprovalNeeded)


async def test_no_key_not_even_an_administrators_passes_over_an_approval(house: House):
    tool = house.tool("delete", effect="destructive")
    asked = await house.call(ADMIN, tool)
    assert isinstance(asked, ApprovalNeeded)
    with pytest.raises(NotPermittedError):
        await house.resolve(ADMIN, asked.approval, "approve")
    assert isinstance(await house.call(ADMIN, tool, approval=asked.approval), ApprovalNeeded)


async def test_a_condition_that_cannot_be_evaluated_does_not_let_a_call_through(house: House):
    tool = house.tool("transfer")
    await house.apply(
        RuleSpec(name="big", effect="block", tool="crm.org.main.transfer", when="args.amount > 1000")
    )
    assert isinstance(await house.call(ADMIN, tool, {"amount": 10}), Allow)
    entity = {"__entity": {"type": "User", "id": "x"}}
    for arguments in ({}, {"amount": "10"}, {"amount": None}, {"amount": entity}, {"amount": 1001}):
        assert isinstance(await house.call(ADMIN, tool, arguments), Block), arguments


async def test_a_waiting_approval_survives_a_restart(house: House):
    """State is in the store: a second house over the same storage goes on where the first stopped."""
    alice, tool = await house.person("alice"), house.tool("delete", effect="write")
    leads = Approvers(groups=("leads",))
    await house.apply(RuleSpec(name="r", effect="require_approval", tool="crm.*", approvers=leads))
    lead = await house.person("lead", "leads")
    asked = await house.call(alice, tool)
    assert isinstance(asked, ApprovalNeeded)
    restarted = house.restarted()
    await restarted.standing.refresh()
    assert await restarted.resolve(lead, asked.approval, "approve") == "approved"
    assert isinstance(await restarted.call(alice, tool), Allow)
