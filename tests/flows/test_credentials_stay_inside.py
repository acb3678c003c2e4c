"""A credential arrives at its upstream, and is nowhere else in any form: agents, logs, bus, database, traces."""

import secrets
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from executor_shared.settings import DatabaseSettings
from executor_shared.testing.bus_fixtures import Nats
from tests.flows.conftest import people, three_kinds
from tests.flows.house import ERAS, House, serving
from tests.flows.secrecy import Spans, dump, forms, receiving_spans, tapped, traces_of, until
from tests.upstreams import crm, graph, sdk_http

pytestmark = pytest.mark.connected

SERVICES = {f"executor-{name}" for name in ("gateway", "catalog", "policy", "vault-broker", "adapters")}


def _canary(kind: str) -> str:
    """Changes its looks in every encoding, and is found by no chance."""
    return f"{kind}/{secrets.token_hex(10)}+~{secrets.token_hex(6)}=="


@dataclass(frozen=True)
class Watched:
    """A house whose every word is kept."""

    house: House
    spans: Spans
    canaries: dict[str, str]
    crm: str
    document: str


@pytest.fixture(scope="module")
def watched(
    tmp_path_factory: pytest.TempPathFactory, module_nats: Nats, module_database: DatabaseSettings
) -> Generator[Watched]:
    canaries = {name: _canary(name) for name in ("CRM_SECRET", "GRAPH_SECRET", "NOTES_SECRET")}
    folder = tmp_path_factory.mktemp("watched")
    with (
        crm(canaries["CRM_SECRET"]) as customers,
        graph(canaries["GRAPH_SECRET"]) as tasks,
        sdk_http(canaries["NOTES_SECRET"]) as notes,
        receiving_spans() as spans,
        serving(
            folder,
            module_nats,
            module_database,
            {"EXECUTOR_TELEMETRY__OTLP_ENDPOINT": spans.url, "OTEL_BSP_SCHEDULE_DELAY": "100"},
        ) as house,
    ):
        document = three_kinds(folder, customers.url, tasks.url, notes.url)
        yield Watched(house, spans, canaries, customers.url, document)


async def _agents_see(watched: Watched, era: str) -> list[bytes]:
    """Everything that an agent gets to see: lists, answers, errors, and answers that repeat what was sent."""
    seen: list[bytes] = []
    calls: tuple[tuple[str, dict[str, Any]], ...] = (
        ("crm__customers_list", {}),
        ("crm__echo_headers", {}),
        ("crm__customers_get", {"id": "c999"}),
        ("crm__customers_create", {"body": {"name": "New"}}),
        ("graph__query_version", {}),
        ("graph__query_broken", {}),
        ("notes__echo", {"text": "hello"}),
        ("notes__show_headers", {}),
        ("notes__fail", {}),
    )
    async with watched.house.agent("alice", era) as agent:
        listed = await agent.client.list_tools()
        seen.append(listed.model_dump_json().encode())
        for tool, arguments in calls:
            answer = await agent.call(tool, arguments)
            seen += [answer.whole.model_dump_json().encode(), repr(answer.whole).encode()]
            if tool in {"crm__echo_headers", "notes__show_headers"}:
                assert answer.outcome == "ok"
                assert "[redacted]" in answer.text
    return seen


async def _rest_shows(house: House) -> list[bytes]:
    seen: list[bytes] = []
    async with house.rest() as rest:
        for path in (
            "config",
            "integrations",
            "connections",
            "tools?limit=100",
            "calls",
            "approvals",
            "policies",
        ):
            response = await rest.send("GET", path)
            assert response.status_code == 200
            seen.append(response.content)
        seen.append((await rest.http.get("/metrics")).content)
    return seen


async def _wrong_credential(watched: Watched) -> list[bytes]:
    """What is told when a credential is refused: at storing, and at a call."""
    wrong = f"wrong-{watched.canaries['NOTES_SECRET']}"
    response = await watched.house.apply(watched.document, **(watched.canaries | {"NOTES_SECRET": wrong}))
    assert response.status_code >= 400
    again = await watched.house.apply(watched.document, **watched.canaries)
    assert again.status_code == 200, again.text
    return [response.content, again.content]


async def test_credentials_reach_their_upstream_and_nothing_else(watched: Watched):
    house = watched.house
    async with tapped(house.nats.tap_settings()) as tap:
        await people(house)
        applied = await house.applied(watched.document, **watched.canaries)
        seen = [str(applied).encode()]
        for era in ERAS:
            seen += await _agents_see(watched, era)
        seen += await _wrong_credential(watched)
        seen += await _rest_shows(house)
        await until(lambda: watched.spans.services() >= SERVICES)
    journal = await _journal(watched)
    assert [entry for entry in journal if entry["path"] == "/echo-headers" and entry["accepted"]]
    places = {
        "agents and REST": b"\n".join(seen),
        "bus": tap.all(),
        "log": house.log.read_bytes(),
        "database": await dump(house.database),
        "traces": watched.spans.all(),
    }
    _were_really_watched(places, tap.subjects)
    api_keys = {f"the API key of {who}": house.key(who) for who in ("alice", "bob", "admin")}
    for name, canary in (watched.canaries | api_keys).items():
        for place, content in places.items():
            assert not traces_of(canary, content), f"{name} stands in the {place}"


def _were_really_watched(places: dict[str, bytes], subjects: list[str]) -> None:
    """Positive control: each place has what must be in it."""
    assert b"Ada Lovelace" in places["agents and REST"]
    assert b"Ada Lovelace" in places["bus"]
    assert b"credential.leased" in places["log"]
    assert b"crm.org.main.customers.list" in places["database"]
    assert b"executor.vault-broker.v1.credential.lease" in places["traces"]
    for subject in ("credential.store", "credential.lease", "call.execute", "call.decide", "_INBOX_adapters"):
        assert any(subject in heard for heard in subjects), subject


async def _journal(watched: Watched) -> list[dict[str, Any]]:
    headers = {"X-Api-Key": watched.canaries["CRM_SECRET"]}
    async with httpx2.AsyncClient(headers=headers, trust_env=False) as http:
        return (await http.get(f"{watched.crm}/journal")).json()


@pytest.mark.parametrize("place", ["agents", "bus", "database"])
async def test_the_scanner_finds_what_is_planted(watched: Watched, place: str):
    """Positive control: a canary that passes through as an ordinary argument is found everywhere it must be."""
    house, planted = watched.house, _canary("planted")
    await people(house)
    await house.applied(watched.document, **watched.canaries)
    async with tapped(house.nats.tap_settings()) as tap, house.agent() as agent:
        answer = await agent.call("notes__echo", {"text": planted})
        rule = f'policies: [{{name: "{planted}", scope: org, match: {{tool: a.b.c.d}}, effect: block}}]'
        await house.applied(rule)
    found = {
        "agents": answer.text.encode(),
        "bus": tap.all(),
        "database": await dump(house.database),
    }
    assert traces_of(planted, found[place])


@pytest.mark.parametrize("form", range(len(forms("a secret with every + / = ~ letter"))))
def test_the_scanner_knows_every_form_between_other_words(form: int):
    secret = "a secret with every + / = ~ letter"
    assert traces_of(secret, b"before " + forms(secret)[form] + b" after")
