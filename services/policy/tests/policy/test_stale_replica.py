"""A replica that has not heard of a change yet lets nobody do what lasts: approve, configure, discover."""

import pytest

from executor_shared.contracts.policy import ApprovalNeeded, GrantDiscovery, RuleSpec
from executor_shared.errors import ExecutorError, NotAuthenticatedError, NotPermittedError

from .house import House, proof


async def other_replica(house: House) -> House:
    other = house.restarted()
    await other.standing.refresh()
    return other


async def test_who_is_no_approver_any_more_approves_nothing(house: House):
    alice, bob = await house.person("alice"), await house.person("bob", admin=True)
    asked = await house.call(alice, house.tool("delete", effect="destructive"))
    assert isinstance(asked, ApprovalNeeded)
    await (await other_replica(house)).person("bob")
    with pytest.raises(ExecutorError) as refused:
        await house.resolve(bob, asked.approval, "approve")
    assert refused.value.code in {"not_permitted", "not_found"}


async def test_who_was_removed_configures_nothing(house: House):
    bob = await house.person("bob", admin=True)
    await (await other_replica(house)).apply(remove_principals=("bob",))
    with pytest.raises(NotAuthenticatedError):
        await house.apply(RuleSpec(name="mine", effect="allow", tool="crm.*"), token=bob)


async def test_who_is_no_administrator_any_more_discovers_nothing(house: House):
    bob = await house.person("bob", admin=True)
    await (await other_replica(house)).person("bob")
    ask = GrantDiscovery(
        proof=proof(bob), integration="crm", connection="crm/org/main", origin="https://crm.example:443"
    )
    with pytest.raises(NotPermittedError):
        await house.use.grant_discovery(ask)


async def test_whoever_was_made_administrator_elsewhere_is_one(house: House):
    await (await other_replica(house)).person("bob", admin=True)
    applied = await house.apply(RuleSpec(name="mine", effect="allow", tool="crm.org.main.a"), token="bob-key")
    assert [change.key for change in applied.changes] == ["mine"]
