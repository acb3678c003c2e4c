"""Discovery uses a credential only under a grant for exactly that origin and integration."""

from typing import Any

import msgspec
import pytest
from services.adapters.tests.worker import ORIGIN, SECRET, Worker

from executor_shared.canonical import canonical
from executor_shared.contracts.adapters import DISCOVER_TOOLS, Discover, Discovered, DiscoveredTool
from executor_shared.errors import Code, ExecutorError, GrantRefusedError, InvalidRequestError
from executor_shared.grants import GrantSigner


def tool(description: str = "Does it.") -> DiscoveredTool:
    definition = {"name": "do", "description": description, "inputSchema": {"type": "object"}}
    return DiscoveredTool(
        own_name="do",
        definition=msgspec.Raw(canonical(definition)),
        binding=msgspec.Raw(b"{}"),
        effect="read",
    )


def granted(worker: Worker, signer: GrantSigner | None = None, **changes: Any) -> str:
    plain: dict[str, Any] = {"purpose": "discover", "connection": "up/org/main", "effect": "read"}
    return (signer or worker.signer).sign(worker.grant(**(plain | changes)))


async def discover(worker: Worker, **changes: Any) -> Discovered:
    asked = Discover(tenant="default", integration="up", kind="fake", **changes)
    return await worker.catalog.request(DISCOVER_TOOLS, asked, route=("default", "fake"))


async def test_without_a_grant_no_credential_is_used(worker: Worker) -> None:
    worker.kind.found = msgspec.structs.replace(worker.kind.found, tools=(tool(),))
    found = await discover(worker)
    assert [each.own_name for each in found.tools] == ["do"]
    assert (worker.kind.used, worker.broker.leased) == ([None], [])


async def test_with_a_grant_its_credential_is_used(worker: Worker) -> None:
    await discover(worker, grant=granted(worker))
    (credential,) = worker.kind.used
    assert credential is not None
    assert credential.secrets == (SECRET,)


async def test_a_lease_for_discovery_is_never_kept(worker: Worker) -> None:
    await discover(worker, grant=granted(worker))
    await worker.call(effect="read")
    await discover(worker, grant=granted(worker))
    assert len(worker.broker.leased) == 3


async def test_the_target_alone_needs_nobody(worker: Worker) -> None:
    found = await discover(worker, target_only=True, grant="nonsense")
    assert (found.origin, worker.kind.used, worker.broker.leased) == (ORIGIN, [], [])


@pytest.mark.parametrize(
    "changes",
    [
        {"purpose": "call"},
        {"tenant": "other"},
        {"origin": "https://elsewhere.example:443"},
        {"connection": "other/org/main"},
        {"connection": "upper/org/main"},
        {"deadline": 1.0},
        {"signer": GrantSigner(b"x" * 32)},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_a_grant_for_something_else_uses_nothing(changes: dict[str, Any], worker: Worker) -> None:
    with pytest.raises(GrantRefusedError):
        await discover(worker, grant=granted(worker, **changes))
    assert (worker.kind.used, worker.broker.leased) == ([], [])


async def test_a_description_that_repeats_the_credential_loses_it(worker: Worker) -> None:
    worker.kind.found = msgspec.structs.replace(worker.kind.found, tools=(tool(f"Use {SECRET}."),))
    (found,) = (await discover(worker, grant=granted(worker))).tools
    assert msgspec.json.decode(found.definition)["description"] == "Use [redacted]."


async def test_an_unknown_kind_names_the_known_ones(worker: Worker) -> None:
    asked = Discover(tenant="default", integration="up", kind="soap")
    with pytest.raises(InvalidRequestError, match="accepted: fake") as caught:
        await worker.catalog.request(DISCOVER_TOOLS, asked, route=("default", "fake"))
    assert caught.value.details == {"field": "kind"}


async def test_a_broker_that_refuses_is_told(worker: Worker) -> None:
    worker.broker.refusing = ExecutorError("No.", code=Code.CREDENTIAL_UNAVAILABLE)
    with pytest.raises(ExecutorError) as caught:
        await discover(worker, grant=granted(worker))
    assert caught.value.code is Code.CREDENTIAL_UNAVAILABLE
    assert worker.kind.used == []
