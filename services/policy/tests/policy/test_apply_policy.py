"""Documents: all or nothing, the same twice is the same; on both storages."""

import pytest

from executor_shared.contracts.policy import (
    Allow,
    ApplyPolicy,
    Approvers,
    Block,
    ExportPolicy,
    GrantDiscovery,
    Identify,
    ListBlocked,
    PolicyDocument,
    PrincipalSpec,
    RuleSpec,
)
from executor_shared.contracts.vocabulary import Principal
from executor_shared.errors import (
    ConflictError,
    InvalidRequestError,
    NotAuthenticatedError,
    NotPermittedError,
)

from .house import ADMIN, House, proof

RULE = RuleSpec(name="r", effect="block", tool="crm.*", groups=("a",), when="args.n > 1", reason="why")


async def test_the_same_document_twice_changes_nothing_the_second_time(house: House):
    alice = PrincipalSpec(subject="alice", groups=("a", "b"), person="Alice", key_proofs=(proof("k"),))
    first = await house.apply(RULE, principals=(alice,))
    assert [(c.action, c.noun, c.key) for c in first.changes] == [
        ("create", "policy", "r"),
        ("create", "principal", "alice"),
    ]
    heard = list(house.heard.revisions)
    assert (await house.apply(RULE, principals=(alice,))).changes == ()
    assert house.heard.revisions == heard
    who = await house.use.identify(Identify(proof=proof("k")))
    assert who == Principal(tenant="default", subject="alice", person="Alice", groups=("a", "b"))


async def test_changes_name_the_fields_and_the_previous_document_puts_it_back(house: House):
    await house.apply(RULE)
    changed = await house.apply(RuleSpec(name="r", effect="allow", tool="crm.*", groups=("a",), when="true"))
    assert changed.changes[0].action == "update"
    assert set(changed.changes[0].fields) == {"effect", "when", "reason"}
    assert changed.previous.policies == (RULE,)
    await house.apply(*changed.previous.policies)
    exported = await house.use.export(ExportPolicy(proof=proof(ADMIN)))
    assert exported.policies == (RULE,)
    assert [(p.subject, p.admin, p.key_proofs) for p in exported.principals] == [("admin", True, None)]


async def test_a_dry_run_changes_nothing(house: House):
    planned = await house.apply(RULE, dry_run=True)
    assert planned.changes[0].key == "r"
    assert (await house.use.export(ExportPolicy(proof=proof(ADMIN)))).policies == ()


async def test_prune_and_remove_take_away_but_never_the_last_administrator(house: House):
    bob = await house.person("bob")
    await house.apply(RULE)
    pruned = await house.apply(prune=True)
    assert {(c.action, c.key) for c in pruned.changes} == {("delete", "r"), ("delete", "bob")}
    with pytest.raises(NotAuthenticatedError):
        await house.use.identify(Identify(proof=proof(bob)))
    with pytest.raises(ConflictError):
        await house.apply(remove_principals=("admin",))
    for spec in (PrincipalSpec(subject="admin"), PrincipalSpec(subject="admin", admin=True, key_proofs=())):
        with pytest.raises(ConflictError):
            await house.apply(principals=(spec,))
    assert (await house.use.identify(Identify(proof=proof(ADMIN)))).admin
    await house.person("second", admin=True)
    removed = await house.apply(remove_principals=("admin",))
    assert [(c.action, c.key) for c in removed.changes] == [("delete", "admin")]


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (RuleSpec(name="x", effect="block", tool="crm.*", scope="galaxy"), "policies[x].scope"),
        (RuleSpec(name="x", effect="block", tool="crm.*", scope="team:"), "policies[x].scope"),
        (RuleSpec(name="x", effect="block", tool="crm.*", scope="toolkit:A b"), "policies[x].scope"),
        (RuleSpec(name="x", effect="block", tool="crm.me*"), "policies[x].tool"),
        (RuleSpec(name="x", effect="block", tool=""), "policies[x].tool"),
        (RuleSpec(name="x", effect="block", tool="*", when="args.n >"), "policies[x].when"),
        (RuleSpec(name="x", effect="block", tool="*", when="args.l.all(x, x > 1)"), "policies[x].when"),
        (
            RuleSpec(name="x", effect="block", tool="*", approvers=Approvers(expires=0)),
            "policies[x].approvers.expires",
        ),
        (RuleSpec(name="", effect="block", tool="*"), "policies[].name"),
    ],
)
async def test_a_bad_rule_is_refused_by_its_field_and_nothing_is_applied(
    memory_house: House, rule: RuleSpec, field: str
):
    with pytest.raises(InvalidRequestError) as error:
        await memory_house.apply(RuleSpec(name="good", effect="block", tool="*"), rule)
    assert error.value.details["field"] == field
    assert error.value.message.startswith(field)
    assert (await memory_house.use.export(ExportPolicy(proof=proof(ADMIN)))).policies == ()


async def test_names_stand_once_and_keys_belong_to_one(house: House):
    with pytest.raises(InvalidRequestError) as error:
        await house.apply(RULE, RULE)
    assert error.value.details["field"] == "policies[r].name"
    await house.person("alice")
    taken = (proof("alice-key"),)
    with pytest.raises(InvalidRequestError) as error:
        await house.apply(principals=(PrincipalSpec(subject="bob", key_proofs=taken),))
    assert error.value.details["field"] == "principals[bob].key"
    foreign = (PrincipalSpec(subject="bob", key_proofs=taken),)
    with pytest.raises(InvalidRequestError) as error:
        await house.apply(principals=foreign, token="other-admin")
    assert error.value.details["field"] == "principals[bob].key"
    with pytest.raises(InvalidRequestError):
        await house.apply(principals=(PrincipalSpec(subject="bob", key_proofs=("secret-token",)),))


async def test_a_key_may_move_and_be_replaced(house: House):
    await house.person("alice")
    await house.apply(
        principals=(
            PrincipalSpec(subject="alice", key_proofs=(proof("new"),)),
            PrincipalSpec(subject="bob", key_proofs=(proof("alice-key"),)),
        )
    )
    assert (await house.use.identify(Identify(proof=proof("new")))).subject == "alice"
    assert (await house.use.identify(Identify(proof=proof("alice-key")))).subject == "bob"


async def test_only_administrators_configure_and_only_their_own_tenant(house: House):
    alice = await house.person("alice")
    with pytest.raises(NotPermittedError):
        await house.use.apply(ApplyPolicy(proof=proof(alice), document=PolicyDocument()))
    with pytest.raises(NotPermittedError):
        await house.use.export(ExportPolicy(proof=proof(alice)))
    tool = house.tool("a")
    await house.apply(RuleSpec(name="no", effect="block", tool="*"), token="other-admin")
    assert isinstance(await house.call(ADMIN, tool), Allow)


async def test_blocked_tools_are_those_blocked_whatever_the_arguments(house: House):
    a, b, c = house.tool("a"), house.tool("b"), house.tool("c")
    house.tool("foreign", tenant="other")
    alice = await house.person("alice", "support")
    await house.apply(
        RuleSpec(name="1", effect="block", tool="crm.org.main.a", groups=("support",)),
        RuleSpec(name="2", effect="block", tool="crm.org.main.b", when="args.n > 1"),
        RuleSpec(name="3", effect="block", tool="crm.org.main.b", clients=("bad",)),
        RuleSpec(name="4", effect="block", tool="crm.org.main.c", scope="toolkit:kit"),
    )
    house.toolkit("kit", "crm.org.main.b", "crm.org.main.c")
    blocked = await house.use.list_blocked(ListBlocked(proof=proof(alice)))
    assert blocked.tools == (a,)
    assert blocked.policy_revision == house.standing.now.revision
    in_kit = await house.use.list_blocked(ListBlocked(proof=proof(alice), toolkit="kit"))
    assert in_kit.tools == (c,)
    assert (await house.use.list_blocked(ListBlocked(proof=proof(ADMIN)))).tools == ()
    assert isinstance(await house.call(alice, b, {"n": 2}), Block)


async def test_discovery_is_granted_to_administrators_for_one_connection(house: House):
    ask = GrantDiscovery(
        proof=proof(ADMIN), integration="crm", connection="org/main", origin="https://a:443", credential="c"
    )
    grant = house.verifier.verify((await house.use.grant_discovery(ask)).grant)
    assert (grant.purpose, grant.connection, grant.origin, grant.credential) == (
        "discover",
        "crm/org/main",
        "https://a:443",
        "c",
    )
    again = house.verifier.verify((await house.use.grant_discovery(ask)).grant)
    assert again.call != grant.call
    alice = await house.person("alice")
    with pytest.raises(NotPermittedError):
        await house.use.grant_discovery(
            GrantDiscovery(
                proof=proof(alice), integration="crm", connection="org/main", origin="https://a:443"
            )
        )
    with pytest.raises(InvalidRequestError):
        await house.use.grant_discovery(
            GrantDiscovery(
                proof=proof(ADMIN), integration="crm", connection="x/org/main", origin="https://a:443"
            )
        )
