"""One house for the whole folder, with one upstream of each kind behind it and three principals."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from executor_shared.ids import new_id
from executor_shared.servers.postgres import PostgresServer
from executor_shared.settings import DatabaseSettings
from executor_shared.testing.bus_fixtures import Nats, started
from tests.flows.house import House, serving
from tests.upstreams import ROOT, Running
from tests.upstreams.fixtures import (
    CRM_KEY,
    GRAPH_TOKEN,
    MCP_TOKEN,
    crm_server,
    everything_server,
    everything_stdio,
    git_repository,
    graph_server,
    mcp_server,
    mcp_server_with_token,
)

__all__ = [
    "crm_server",
    "everything_server",
    "everything_stdio",
    "git_repository",
    "graph_server",
    "mcp_server",
    "mcp_server_with_token",
]

CRM = ROOT / "examples/crm/openapi.yaml"


async def _execute(server: PostgresServer, statement: str) -> None:
    url = server.settings().url.get_secret_value().replace("+asyncpg", "")
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@contextmanager
def _database(server: PostgresServer) -> Generator[DatabaseSettings]:
    name = new_id("flows")
    asyncio.run(_execute(server, f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY wal_log"))
    yield server.settings(name)
    asyncio.run(_execute(server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(scope="session")
def lasting_database(postgres: PostgresServer) -> Generator[DatabaseSettings]:
    """A database for the whole session."""
    with _database(postgres) as settings:
        yield settings


@pytest.fixture(scope="module")
def module_database(postgres: PostgresServer) -> Generator[DatabaseSettings]:
    """An empty database for a module with a house of its own."""
    with _database(postgres) as settings:
        yield settings


@pytest.fixture(scope="module")
def module_nats(tmp_path_factory: pytest.TempPathFactory) -> Generator[Nats]:
    """A server for a module with a house of its own."""
    with started(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, lasting_database: DatabaseSettings) -> Generator[House]:
    """The five services over a real NATS and PostgreSQL; alice is an agent, bob may approve, mallory may nothing."""
    folder = tmp_path_factory.mktemp("house")
    with started(folder / "nats") as nats, serving(folder, nats, lasting_database) as running:
        asyncio.run(people(running))
        yield running


async def people(house: House) -> None:
    """The principals of these flows."""
    people = {"alice": "[agents]", "bob": "[leads]", "mallory": "[]"}
    lines = [
        f"  - {{subject: {who}, groups: {groups}, key: {{env: {house.principal(who)}}}}}"
        for who, groups in people.items()
    ]
    await house.applied("principals:\n" + "\n".join(lines))


@dataclass(frozen=True, slots=True)
class Three:
    """One upstream of each kind, as configured."""

    house: House
    crm: str
    graph: str
    notes: str


def place(url: str) -> str:
    """`host:port` of an address, for `network.allow`."""
    return urlsplit(url).netloc


def crm_at(slug: str, url: str, folder: Path) -> str:
    """An integration entry for the customer API; its description is put beside the documents of `folder`."""
    (folder / "crm.yaml").write_text(CRM.read_text())
    return (
        f'  - {{slug: {slug}, kind: openapi, openapi: {{spec: ./crm.yaml, server: "{url}"}}, '
        f'network: {{allow: ["{place(url)}"]}}}}\n'
    )


def three_kinds(folder: Path, crm: str, graph: str, notes: str, *, prefix: str = "") -> str:
    """Integrations and connections of the three kinds; credentials are `<NAME>_SECRET` of the environment."""
    return f"""
integrations:
{crm_at(f"{prefix}crm", crm, folder)}
  - {{slug: {prefix}graph, kind: graphql, graphql: {{url: "{graph}"}}, network: {{allow: ["{place(graph)}"]}}}}
  - slug: {prefix}notes
    kind: mcp
    mcp: {{url: "{notes}"}}
    network: {{allow: ["{place(notes)}"]}}
    auth: [{{name: token, type: bearer}}]
connections:
  - {{integration: {prefix}crm, name: main, owner: org, credential: {{env: CRM_SECRET}}}}
  - {{integration: {prefix}graph, name: main, owner: org, credential: {{env: GRAPH_SECRET}}}}
  - {{integration: {prefix}notes, name: main, owner: org, credential: {{env: NOTES_SECRET}}}}
"""


RULES = """
policies:
  - {name: leads see new customers, scope: org, match: {tool: crm.*.*.customers.create}, effect: require_approval,
     approvers: {groups: [leads]}, reason: Sales wants to know.}
  - {name: leads see new tasks, scope: org, match: {tool: graph.org.main.mutation.createTask}, effect: require_approval,
     approvers: {groups: [leads]}}
  - {name: leads see new notes, scope: org, match: {tool: notes.org.main.add_note}, effect: require_approval,
     approvers: {groups: [leads]}}
  - {name: nobody deletes customers, scope: org, match: {tool: crm.*.*.customers.delete}, effect: block,
     reason: "Customers are archived, never deleted."}
  - {name: nobody deletes tasks, scope: org, match: {tool: graph.org.main.mutation.deleteTask}, effect: block}
  - {name: nobody clears notes, scope: org, match: {tool: notes.org.main.clear_notes}, effect: block}
"""


@pytest.fixture(scope="session")
def three(house: House, crm_server: Running, graph_server: Running, mcp_server_with_token: Running) -> Three:
    """The three kinds behind the house, with credentials and rules."""
    urls = crm_server.url, graph_server.url, mcp_server_with_token.url
    document = three_kinds(house.folder, *urls) + RULES
    secrets = {"CRM_SECRET": CRM_KEY, "GRAPH_SECRET": GRAPH_TOKEN, "NOTES_SECRET": MCP_TOKEN}
    asyncio.run(house.applied(document, **secrets))
    return Three(house, *urls)
