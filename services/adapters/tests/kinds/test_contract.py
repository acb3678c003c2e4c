"""What every kind keeps, whoever wrote it: each runs against a real upstream that was not written for it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from services.adapters.tests.kinds.at_work import AtWork, leased, opened, shown
from services.adapters.tests.kinds.openapi.recording import recording
from tests.upstreams import Running
from tests.upstreams.fixtures import CRM_KEY, GRAPH_TOKEN, MCP_TOKEN

from executor_adapters.compose import installed
from executor_adapters.domain.kind import API_VERSION, AdapterKind
from executor_adapters.domain.registry import choose
from executor_shared.canonical import canonical
from executor_shared.contracts.vault_broker import LeasedCredential
from executor_shared.contracts.vocabulary import Target
from executor_shared.errors import Code, ExecutorError, InvalidRequestError, UpstreamError

ROOT = Path(__file__).parents[4]
CRM = (ROOT / "examples/crm/openapi.yaml").read_text()
KINDS = ("mcp", "openapi", "graphql")


@dataclass(frozen=True)
class Case:
    """How one kind is tried.

    Attributes:
        config: of the integration, for an upstream at a URL.
        read: a tool that reads, with arguments.

    """

    kind: AdapterKind
    url: str
    config: Callable[[str], dict[str, object]]
    credential: LeasedCredential
    wrong: LeasedCredential
    read: tuple[str, dict[str, object]]
    source: str | None = None


@pytest.fixture(params=KINDS)
def case(
    request: pytest.FixtureRequest, crm_server: Running, graph_server: Running, mcp_server_with_token: Running
) -> Case:
    """Each kind in turn."""
    (kind,) = choose(installed((request.param,)), (request.param,))
    by_url: Callable[[str], dict[str, object]] = lambda url: {"url": url}  # noqa: E731
    wrong = leased("Bearer wrong-token-1")
    if kind.name == "mcp":
        credential = leased(f"Bearer {MCP_TOKEN}")
        return Case(kind, mcp_server_with_token.url, by_url, credential, wrong, ("echo", {"text": "hi"}))
    if kind.name == "graphql":
        credential = leased(f"Bearer {GRAPH_TOKEN}")
        return Case(kind, graph_server.url, by_url, credential, wrong, ("query.tasks", {}))
    return Case(
        kind,
        crm_server.url,
        lambda url: {"spec": "./openapi.yaml", "server": url},
        leased(CRM_KEY, "X-Api-Key"),
        leased("wrong-key-1", "X-Api-Key"),
        ("customers.list", {}),
        source=CRM,
    )


@pytest.fixture
async def make(case: Case) -> AsyncIterator[Callable[..., AtWork]]:
    """Integrations of the kind."""
    async with opened(case.kind) as making:

        def integration(
            url: str | None = None,
            *,
            config: dict[str, object] | None = None,
            credential: LeasedCredential | None = None,
            seconds: float = 20.0,
        ) -> AtWork:
            work = making(
                config if config is not None else case.config(url or case.url),
                source=case.source,
                credential=credential or case.credential,
                seconds=seconds,
            )
            work.asked = msgspec.structs.replace(work.asked, network=("127.0.0.1:*",))
            return work

        yield integration


Make = Callable[..., AtWork]


async def test_the_kind_is_made_for_this_interface(case: Case) -> None:
    assert case.kind.api_version == API_VERSION


async def test_a_target_is_canonical_and_names_its_origin(case: Case, make: Make) -> None:
    work = make()
    found = await work.discover()
    target = msgspec.json.decode(found.target, type=Target)
    assert bytes(found.target) == canonical(msgspec.json.decode(found.target))
    assert (target.tenant, target.integration, target.kind) == ("default", "up", case.kind.name)
    assert target.origin == found.origin
    assert case.url.startswith(found.origin)
    assert target.network == ("127.0.0.1:*",)


async def test_resolving_finds_no_tools_and_says_the_same(make: Make) -> None:
    work = make()
    found = await work.discover()
    resolved = await work.adapter.resolve(work.asked)
    assert resolved.tools == ()
    assert (resolved.target, resolved.origin, resolved.auth) == (found.target, found.origin, found.auth)


async def test_an_unknown_field_is_named(case: Case, make: Make) -> None:
    config = {**case.config(case.url), "nonsense": 1}
    with pytest.raises(InvalidRequestError, match="nonsense") as caught:
        await make(config=config).target()
    assert "nonsense" in str(caught.value.details["field"])


async def test_tools_are_complete_and_stable(make: Make) -> None:
    first, second = await make().discover(), await make().discover()
    assert first.tools == second.tools
    assert first.tools
    names = [tool.own_name for tool in first.tools]
    assert len({name.lower() for name in names}) == len(names)
    for tool in first.tools:
        definition = shown(tool.definition)
        assert definition["name"] == tool.own_name
        assert definition["inputSchema"]["type"] == "object"
        assert bytes(tool.binding) == canonical(msgspec.json.decode(tool.binding))
        assert CRM_KEY.encode() not in bytes(tool.binding)


async def test_a_call_gives_a_result_of_mcp(case: Case, make: Make) -> None:
    work = make()
    executed = await work.call(*case.read)
    result = shown(executed.result)
    assert executed.outcome == "ok"
    assert result["content"]
    assert all(isinstance(block["type"], str) for block in result["content"])
    assert not result.get("isError")


async def test_a_wrong_credential_is_told_as_such(case: Case, make: Make) -> None:
    work = make()
    await work.discover()
    work.credential = case.wrong
    try:
        executed = await work.call(*case.read)
        code: object = executed.code
        assert executed.outcome in {"tool_error", "not_executed"}
    except ExecutorError as error:
        code = error.code
    assert code == Code.CONNECTION_REJECTED


async def called(work: AtWork, case: Case, binding: msgspec.Raw) -> tuple[str, bool]:
    """Outcome and whether anything may have been sent."""
    try:
        executed = await work.call_bound(binding, case.read[1])
    except UpstreamError as error:
        return "error", error.sent
    return executed.outcome, True


async def test_nobody_listening_means_that_nothing_was_sent(case: Case, make: Make) -> None:
    work = make()
    await work.discover()
    binding = work.tool(case.read[0]).binding
    assert await called(make("http://127.0.0.1:1/mcp"), case, binding) == ("error", False)


async def test_an_upstream_that_never_answers_may_have_acted(case: Case, make: Make) -> None:
    work = make()
    await work.discover()
    binding = work.tool(case.read[0]).binding
    async with recording() as silent:
        silent.answering = False
        outcome, sent = await called(make(f"{silent.url}/mcp", seconds=0.5), case, binding)
    assert silent.arrived
    assert outcome in {"error", "unknown"}
    if case.kind.name != "mcp":  # there, what was sent may have been a question that changes nothing
        assert sent is True


async def test_an_answer_beyond_the_bound_is_not_passed_on(case: Case, make: Make) -> None:
    work = make()
    await work.discover()
    with pytest.raises(UpstreamError) as caught:
        await work.call(*case.read, max_bytes=8)
    assert caught.value.code is Code.UPSTREAM_RESPONSE_TOO_LARGE


async def test_an_address_that_is_not_named_is_not_reached(case: Case, make: Make) -> None:
    work = make()
    await work.discover()
    binding = work.tool(case.read[0]).binding
    work.asked = msgspec.structs.replace(work.asked, network=())
    try:
        outcome: Any = await work.call_bound(binding, case.read[1])
    except UpstreamError as error:
        outcome = error
    assert (outcome.code, getattr(outcome, "sent", False)) == (Code.EGRESS_REFUSED, False)
