from typing import Any

import msgspec
import pytest

from executor_gateway.domain.plan import Wanted
from executor_shared.contracts.catalog import CatalogDocument, ConnectionSpec, IntegrationSpec, Removal
from executor_shared.contracts.policy import PolicyDocument, PrincipalSpec, RuleSpec
from executor_shared.errors import (
    DeadlineExceededError,
    DescriptionInvalidError,
    InvalidRequestError,
    NotPermittedError,
    UnavailableError,
)
from executor_shared.sealing import seal_values

CRM = IntegrationSpec(slug="crm", kind="openapi", config={"spec": "https://crm/openapi.json"})
MAIN = ConnectionSpec(integration="crm", name="main", auth="api-key", credential_text={"env": "CRM_KEY"})
RULE = RuleSpec(name="new", effect="allow", tool="crm.*")
AGENT = "exe_agent"


def wanted(value: str = "one", **more: Any) -> Wanted:
    return Wanted(
        catalog=CatalogDocument(integrations=(CRM,), connections=(MAIN,)),
        policy=PolicyDocument(policies=(RULE,)),
        credentials={"crm/org/main": {"value": value}},
        **more,
    )


async def test_everything_is_judged_before_anything_is_done(world: Any) -> None:
    applied = await world.use.apply(world.identity(), wanted())
    assert world.steps.done == [
        "policy dry",
        "catalog dry",
        "store crm/org/main",
        "grant crm/org/main",
        "policy apply",
        "catalog apply",
        "caught up 1",
    ]
    assert [(c.action, c.noun, c.key) for c in applied.changes] == [
        ("create", "policy", "new"),
        ("create", "integration", "crm"),
        ("create", "connection", "crm/org/main"),
    ]


async def test_a_credential_is_bound_to_the_origin_and_the_method(world: Any) -> None:
    await world.use.apply(world.identity(), wanted())
    order = world.credentials.stored[0]
    assert (order.origin, order.method.name, order.tenant) == ("https://crm:443", "api-key", "default")
    assert world.credentials.values == {"cred:crm/org/main": [{"token": "one"}]}
    spec = world.catalog.applied[0].document.connections[0]
    assert (spec.credential, spec.discovery) == ("cred:crm/org/main", "grant:crm/org/main")
    assert world.policy.granted[0].credential == "cred:crm/org/main"
    assert world.policy.granted[0].origin == "https://crm:443"


async def test_values_that_the_client_sealed_pass_through(world: Any) -> None:
    sealed = seal_values(await world.credentials.sealing_key(), "default", "crm/org/main", {"token": "two"})
    order = wanted()
    order = Wanted(catalog=order.catalog, policy=order.policy, credentials={"crm/org/main": sealed})
    await world.use.apply(world.identity(), order)
    assert world.credentials.stored[0].sealed == sealed


async def test_the_same_a_second_time_changes_nothing(world: Any) -> None:
    await world.use.apply(world.identity(), wanted())
    world.steps.done.clear()
    again = await world.use.apply(world.identity(), wanted())
    assert again.changes == ()
    assert not any(step.startswith("grant") for step in world.steps.done)


async def test_a_new_value_of_a_credential_is_told_and_the_same_one_is_not(world: Any) -> None:
    await world.use.apply(world.identity(), wanted("one"))
    (change,) = (await world.use.apply(world.identity(), wanted("two"))).changes
    assert (change.action, change.noun, change.key) == ("update", "connection", "crm/org/main")
    assert change.fields == ("credential",)
    assert (await world.use.apply(world.identity(), wanted("two"))).changes == ()


async def test_without_the_value_the_stored_credential_stays(world: Any) -> None:
    await world.use.apply(world.identity(), wanted())
    without = Wanted(catalog=wanted().catalog, policy=wanted().policy)
    assert (await world.use.apply(world.identity(), without)).changes == ()
    assert world.catalog.connections["crm/org/main"].credential == "cred:crm/org/main"


async def test_a_new_value_has_its_connection_asked_anew(world: Any) -> None:
    await world.use.apply(world.identity(), wanted())
    world.steps.done.clear()
    await world.use.apply(world.identity(), wanted("two"))
    assert "grant crm/org/main" in world.steps.done


async def test_a_credential_that_nobody_sent_is_asked_for(world: Any) -> None:
    with pytest.raises(InvalidRequestError, match="connection crm/org/main: its credential was not sent"):
        await world.use.apply(world.identity(), Wanted(catalog=wanted().catalog))
    assert world.catalog.applied == []


async def test_a_credential_for_a_stranger_is_refused(world: Any) -> None:
    with pytest.raises(InvalidRequestError, match="'crm/org/other' is no connection of this document"):
        await world.use.plan(world.identity(), Wanted(credentials={"crm/org/other": b""}))


@pytest.mark.parametrize(
    ("step", "undone"),
    [
        ("store crm/org/main", []),
        ("grant crm/org/main", ["revert cred:crm/org/main"]),
        ("policy apply", ["revert cred:crm/org/main"]),
        ("catalog apply", ["policy apply", "revert cred:crm/org/main"]),
    ],
)
async def test_a_step_that_fails_puts_back_the_ones_before_it(
    world: Any, step: str, undone: list[str]
) -> None:
    before = world.policy.document
    world.steps.fails[step] = DescriptionInvalidError(
        "integration crm: paths is missing.", details={"at": "/paths"}
    )
    with pytest.raises(DescriptionInvalidError, match="integration crm: paths is missing") as refused:
        await world.use.apply(world.identity(), wanted())
    assert refused.value.details == {"at": "/paths"}
    after = world.steps.done[world.steps.done.index(step) + 1 :]
    assert after == undone
    assert world.policy.document == before
    assert world.catalog.connections == {}
    assert world.credentials.values.get("cred:crm/org/main", []) == []


async def test_an_error_names_the_connection(world: Any) -> None:
    world.steps.fails["store crm/org/main"] = UnavailableError("The vault is sealed.")
    with pytest.raises(UnavailableError, match=r"^connection crm/org/main: The vault is sealed\."):
        await world.use.apply(world.identity(), wanted())


async def test_what_cannot_be_put_back_is_said(world: Any) -> None:
    world.steps.fails["catalog apply"] = DescriptionInvalidError("bad")
    world.steps.fails["revert cred:crm/org/main"] = UnavailableError("gone")
    with pytest.raises(
        DescriptionInvalidError, match="bad Not put back: credential of crm/org/main"
    ) as refused:
        await world.use.apply(world.identity(), wanted())
    assert refused.value.details["not_put_back"] == ["credential of crm/org/main"]


async def test_an_unforeseen_failure_is_put_back_too(world: Any) -> None:
    world.steps.fails["catalog apply"] = RuntimeError("bug")
    with pytest.raises(RuntimeError, match="bug"):
        await world.use.apply(world.identity(), wanted())
    assert world.steps.done[-2:] == ["policy apply", "revert cred:crm/org/main"]


async def test_a_catalog_that_did_it_but_answered_late_is_a_success(world: Any) -> None:
    def late() -> None:
        world.catalog.after_apply = lambda: None
        raise DeadlineExceededError("No answer in time.")

    world.catalog.after_apply = late
    await world.use.apply(world.identity(), wanted())
    assert world.catalog.connections["crm/org/main"].credential == "cred:crm/org/main"
    assert not any(step.startswith("revert") for step in world.steps.done)


async def test_a_catalog_that_did_not_do_it_in_time_is_put_back(world: Any) -> None:
    world.steps.fails["catalog apply"] = DeadlineExceededError("No answer in time.")
    with pytest.raises(DeadlineExceededError):
        await world.use.apply(world.identity(), wanted())
    assert world.credentials.values["cred:crm/org/main"] == []


async def test_prune_takes_away_what_is_not_named_and_its_credential(world: Any) -> None:
    await world.use.apply(world.identity(), wanted())
    applied = await world.use.apply(
        world.identity(), Wanted(catalog=CatalogDocument(integrations=(CRM,)), prune=True)
    )
    assert ("delete", "connection", "crm/org/main") in {(c.action, c.noun, c.key) for c in applied.changes}
    assert ("delete", "policy", "old") in {(c.action, c.noun, c.key) for c in applied.changes}
    assert world.steps.done[-2] == "delete cred:crm/org/main"


async def test_removing_a_connection_destroys_its_credential(world: Any) -> None:
    await world.use.apply(world.identity(), wanted())
    await world.use.apply(world.identity(), Wanted(remove=Removal(connections=("crm/org/main",))))
    assert world.credentials.values == {}


async def test_a_changed_integration_asks_its_other_connections_anew(world: Any) -> None:
    await world.use.apply(world.identity(), wanted())
    world.steps.done.clear()
    changed = msgspec.structs.replace(CRM, config={"spec": "https://crm/v2.json"})
    await world.use.apply(world.identity(), Wanted(catalog=CatalogDocument(integrations=(changed,))))
    assert "grant crm/org/main" in world.steps.done
    assert world.catalog.connections["crm/org/main"].credential == "cred:crm/org/main"


async def test_an_external_secret_needs_no_value(world: Any) -> None:
    spec = msgspec.structs.replace(MAIN, credential_text={"vault": "secret/crm#key"})
    await world.use.apply(
        world.identity(), Wanted(catalog=CatalogDocument(integrations=(CRM,), connections=(spec,)))
    )
    assert world.credentials.stored[0].external == "secret/crm#key"
    assert world.credentials.stored[0].sealed is None


async def test_a_method_that_is_not_there_names_those_that_are(world: Any) -> None:
    spec = msgspec.structs.replace(MAIN, auth="oauth")
    order = Wanted(
        catalog=CatalogDocument(integrations=(CRM,), connections=(spec,)),
        credentials={"crm/org/main": {"value": "x"}},
    )
    with pytest.raises(InvalidRequestError, match="connection crm/org/main: auth: expected one of api-key"):
        await world.use.apply(world.identity(), order)


async def test_wrong_inputs_name_the_right_ones(world: Any) -> None:
    order = Wanted(catalog=wanted().catalog, credentials={"crm/org/main": {"username": "x"}})
    with pytest.raises(InvalidRequestError, match="api-key needs exactly these inputs: token"):
        await world.use.apply(world.identity(), order)


ROTATED = PolicyDocument(
    policies=(RULE,),
    principals=(
        PrincipalSpec(subject="bot", key_proofs=("a" * 64,)),
        PrincipalSpec(subject="eve", key_proofs=("b" * 64,)),
    ),
)


async def test_keys_and_removals_wait_until_nothing_can_fail_any_more(world: Any) -> None:
    order = Wanted(catalog=CatalogDocument(integrations=(CRM,)), policy=ROTATED, prune=True)
    world.steps.fails["catalog apply"] = DescriptionInvalidError("bad")
    before = world.policy.document
    with pytest.raises(DescriptionInvalidError):
        await world.use.apply(world.identity(), order)
    assert world.policy.document == before
    first, put_back = world.policy.applied[-2:]
    assert first.prune is False
    assert [p.key_proofs for p in first.document.principals] == [None, ("b" * 64,)]
    assert put_back.document == before
    await world.use.apply(world.identity(), order)
    assert [p.key_proofs for p in world.policy.document.principals] == [("a" * 64,), ("b" * 64,)]
    assert [r.name for r in world.policy.document.policies] == ["new"]


async def test_a_removal_that_fails_says_what_is_done(world: Any) -> None:
    def away() -> None:
        world.steps.fails["policy apply"] = UnavailableError("Policy is gone.")

    world.catalog.after_apply = away
    with pytest.raises(UnavailableError, match=r"Policy is gone\. Everything else is applied; removals"):
        await world.use.apply(world.identity(), wanted(prune=True))
    assert world.catalog.connections["crm/org/main"].credential == "cred:crm/org/main"
    assert world.credentials.values["cred:crm/org/main"] == [{"token": "one"}]


async def test_only_administrators_plan_and_apply(world: Any) -> None:
    with pytest.raises(NotPermittedError):
        await world.use.apply(world.identity(AGENT), wanted())
    with pytest.raises(NotPermittedError):
        await world.use.plan(world.identity(AGENT), wanted())
    assert world.steps.done == []


async def test_a_plan_changes_nothing(world: Any) -> None:
    plan = await world.use.plan(world.identity(), wanted())
    assert len(plan.changes) == 3
    assert world.steps.done == ["policy dry", "catalog dry"]
