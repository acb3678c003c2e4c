"""A gateway whose neighbours are fakes at its ports."""

import hashlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import msgspec
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from executor_gateway.domain.apply import ApplyDocument
from executor_gateway.domain.export import ExportDocument
from executor_gateway.domain.identify import Identify, Identity
from executor_gateway.domain.plan import PlanDocument
from executor_gateway.http import UseCases, rest
from executor_shared.contracts.catalog import (
    ApplyCatalog,
    CatalogApplied,
    CatalogDocument,
    Changes,
    Connection,
    ConnectionSpec,
    HeldDefinition,
    HeldDefinitions,
    Integration,
    IntegrationSpec,
    RefreshConnection,
    Resolved,
    ResolveDefinition,
    Tool,
    Toolkit,
    ToolsChanged,
)
from executor_shared.contracts.policy import (
    ApplyPolicy,
    Approval,
    Approvals,
    CallRecord,
    Calls,
    GetApproval,
    GetCall,
    GrantDiscovery,
    ListApprovals,
    ListCalls,
    PolicyApplied,
    PolicyDocument,
    PrincipalSpec,
    ResolveApproval,
    RuleSpec,
)
from executor_shared.contracts.vault_broker import CredentialStored, StoreCredential
from executor_shared.contracts.vocabulary import AuthMethod, Change, Placement, Principal
from executor_shared.errors import ExecutorError, NotAuthenticatedError, NotFoundError
from executor_shared.sealing import open_values
from executor_shared.views.catalog import CatalogView

ADMIN, AGENT = "exe_admin", "exe_agent"
KEY_METHOD = AuthMethod(
    name="api-key", type="api_key", placements=(Placement(carrier="header", name="X-Api-Key"),)
)


def proof_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass
class Steps:
    """Everything that was asked of the neighbours, in order; and where to fail."""

    done: list[str] = field(default_factory=list[str])
    fails: dict[str, BaseException] = field(default_factory=dict[str, BaseException])

    def __call__(self, step: str) -> None:
        self.done.append(step)
        if error := self.fails.pop(step, None):
            raise error


@dataclass
class FakePolicy:
    steps: Steps
    document: PolicyDocument = field(default_factory=PolicyDocument)
    granted: list[GrantDiscovery] = field(default_factory=list[GrantDiscovery])
    applied: list[ApplyPolicy] = field(default_factory=list[ApplyPolicy])
    people: dict[str, Principal] = field(default_factory=dict[str, Principal])

    async def identify(self, proof: str) -> Principal:
        if proof not in self.people:
            raise NotAuthenticatedError("This key is nobody's.")
        return self.people[proof]

    async def apply(self, wanted: ApplyPolicy) -> PolicyApplied:
        self.steps(f"policy {'dry' if wanted.dry_run else 'apply'}")
        previous = self.document
        rules = {} if wanted.prune else {r.name: r for r in previous.policies}
        people = {} if wanted.prune else {p.subject: p for p in previous.principals}
        rules |= {r.name: r for r in wanted.document.policies}
        people |= {p.subject: p for p in wanted.document.principals}
        for name in wanted.remove_policies:
            rules.pop(name)
        for name in wanted.remove_principals:
            people.pop(name)
        after = PolicyDocument(policies=tuple(rules.values()), principals=tuple(people.values()))
        before = {("policy", r.name): r for r in previous.policies}
        now = {("policy", r.name): r for r in after.policies}
        before_people = {("principal", p.subject): p for p in previous.principals}
        now_people = {("principal", p.subject): p for p in after.principals}
        if not wanted.dry_run:
            self.document = after
            self.applied.append(wanted)
        changes = (*_changes(before, now), *_changes(before_people, now_people))
        return PolicyApplied(changes=changes, previous=previous)

    async def export(self, proof: str) -> PolicyDocument:
        assert proof in self.people
        return self.document

    async def grant_discovery(self, wanted: GrantDiscovery) -> str:
        self.steps(f"grant {wanted.connection}")
        self.granted.append(wanted)
        return f"grant:{wanted.connection}"


def _changes(before: dict[tuple[str, str], Any], now: dict[tuple[str, str], Any]) -> tuple[Change, ...]:
    return tuple(
        Change(
            action="delete" if key not in now else "create" if key not in before else "update",
            noun=key[0],
            key=key[1],
        )
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    )


@dataclass
class FakeCatalog:
    steps: Steps
    integrations: dict[str, IntegrationSpec] = field(default_factory=dict[str, IntegrationSpec])
    connections: dict[str, ConnectionSpec] = field(default_factory=dict[str, ConnectionSpec])
    applied: list[ApplyCatalog] = field(default_factory=list[ApplyCatalog])
    refreshed: list[RefreshConnection] = field(default_factory=list[RefreshConnection])
    resolved: list[ResolveDefinition] = field(default_factory=list[ResolveDefinition])
    after_apply: Callable[[], None] = lambda: None

    async def apply(self, wanted: ApplyCatalog) -> CatalogApplied:
        self.steps(f"catalog {'dry' if wanted.dry_run else 'apply'}")
        integrations = {} if wanted.prune else dict(self.integrations)
        connections = {} if wanted.prune else dict(self.connections)
        integrations |= {i.slug: i for i in wanted.document.integrations}
        connections |= {
            _key(c): msgspec.structs.replace(c, discovery=None) for c in wanted.document.connections
        }
        for slug in wanted.remove.integrations:
            integrations.pop(slug)
        for key in wanted.remove.connections:
            connections.pop(key)
        changes = (
            *_changes(_by("integration", self.integrations), _by("integration", integrations)),
            *_changes(_by("connection", self.connections), _by("connection", connections)),
        )
        if not wanted.dry_run:
            self.applied.append(wanted)
            self.integrations, self.connections = integrations, connections
            self.after_apply()
        found = tuple(
            Resolved(
                slug=i.slug,
                kind=i.kind,
                origin=f"https://{i.slug}:443",
                target=msgspec.Raw(b"{}"),
                auth=(KEY_METHOD,),
            )
            for i in wanted.document.integrations
        )
        return CatalogApplied(changes=changes, resolved=found, revision=len(self.applied))

    async def export(self, tenant: str) -> CatalogDocument:
        assert tenant == "default"
        return CatalogDocument(
            integrations=tuple(self.integrations.values()), connections=tuple(self.connections.values())
        )

    async def refresh(self, wanted: RefreshConnection) -> ToolsChanged:
        self.refreshed.append(wanted)
        return ToolsChanged(connection=wanted.connection, added=("crm_list",))

    async def held(self, tenant: str, after: str = "") -> HeldDefinitions:
        assert tenant == "default"
        if after == "tool_h":
            last = HeldDefinition(tool="tool_i", address="crm.org.main.send", name="crm_send")
            return HeldDefinitions(definitions=(last,))
        held = HeldDefinition(tool="tool_h", address="crm.org.main.drop", name="crm_drop")
        return HeldDefinitions(definitions=(held,), next="tool_h")

    async def resolve(self, wanted: ResolveDefinition) -> None:
        self.resolved.append(wanted)


def _by(noun: str, things: dict[str, Any]) -> dict[tuple[str, str], Any]:
    return {(noun, key): thing for key, thing in things.items()}


def _key(spec: ConnectionSpec) -> str:
    return f"{spec.integration}/{spec.owner}/{spec.name}"


@dataclass
class FakeCredentials:
    steps: Steps
    key: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)
    values: dict[str, list[dict[str, str]]] = field(default_factory=dict[str, list[dict[str, str]]])
    stored: list[StoreCredential] = field(default_factory=list[StoreCredential])

    async def sealing_key(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    async def store(self, wanted: StoreCredential) -> CredentialStored:
        self.steps(f"store {wanted.connection}")
        self.stored.append(wanted)
        opened = {"external": wanted.external or ""}
        if wanted.sealed:
            opened = open_values(self.key, wanted.tenant, wanted.connection, wanted.sealed)
        versions = self.values.setdefault(f"cred:{wanted.connection}", [])
        changed = not versions or versions[-1] != opened
        if changed:
            versions.append(opened)
        return CredentialStored(
            credential=f"cred:{wanted.connection}", version=len(versions), changed=changed
        )

    async def revert(self, tenant: str, credential: str, version: int) -> None:
        self.steps(f"revert {credential}")
        assert tenant == "default"
        assert len(self.values[credential]) == version
        self.values[credential].pop()

    async def delete(self, tenant: str, credential: str) -> None:
        self.steps(f"delete {credential}")
        assert tenant == "default"
        self.values.pop(credential)


APPROVAL = Approval(
    id="apr_1",
    state="pending",
    tool="crm.org.main.customers.delete",
    requester="bot",
    created_at=1_800_000_000.0,
    expires_at=1_800_000_900.0,
    arguments=msgspec.Raw(b'{"count":1,"name":"x"}'),
    may_decide=True,
)


@dataclass
class FakeRecords:
    asked: list[Any] = field(default_factory=list[Any])

    async def approval(self, wanted: GetApproval) -> Approval:
        self.asked.append(wanted)
        if wanted.id != "apr_1":
            raise NotFoundError("There is no such approval.")
        return APPROVAL

    async def approvals(self, wanted: ListApprovals) -> Approvals:
        self.asked.append(wanted)
        return Approvals(approvals=(APPROVAL,), next="apr_1")

    async def resolve(self, wanted: ResolveApproval) -> Approval:
        self.asked.append(wanted)
        return msgspec.structs.replace(APPROVAL, state="approved")

    async def call(self, wanted: GetCall) -> CallRecord:
        self.asked.append(wanted)
        return CallRecord(
            id=wanted.id, subject="bot", tool="crm.org.main.list", state="finished", started_at=1.0
        )

    async def calls(self, wanted: ListCalls) -> Calls:
        self.asked.append(wanted)
        return Calls()


class _Decides:
    """The calling side of policy, of which only identities are asked here."""

    def __init__(self, policy: FakePolicy) -> None:
        self.identify = policy.identify

    async def decide(self, call: Any) -> Any:
        raise NotImplementedError

    async def blocked(self, proof: str, revision: int, toolkit: str | None) -> Any:
        raise NotImplementedError

    async def finished(self, ended: Any) -> None:
        raise NotImplementedError


@dataclass
class World:
    steps: Steps
    policy: FakePolicy
    catalog: FakeCatalog
    credentials: FakeCredentials
    records: FakeRecords
    view: CatalogView
    use: UseCases

    def identity(self, token: str = ADMIN) -> Identity:
        return Identity(self.policy.people[proof_of(token)], proof_of(token))


def _view() -> CatalogView:
    view = CatalogView()
    definition = msgspec.Raw(b'{"title":"List customers","description":"All customers, paged"}')
    view.apply(
        Changes(
            upto=7,
            integrations=(
                Integration(
                    tenant="default",
                    slug="crm",
                    revision=1,
                    kind="openapi",
                    origin="https://crm:443",
                    auth=(KEY_METHOD,),
                ),
                Integration(tenant="other", slug="theirs", revision=1, kind="mcp"),
            ),
            connections=(
                Connection(
                    tenant="default",
                    id="conn_1",
                    revision=2,
                    integration="crm",
                    name="main",
                    credential="cred",
                ),
                Connection(
                    tenant="default",
                    id="conn_2",
                    revision=2,
                    integration="crm",
                    name="own",
                    owner="user:alice",
                ),
                Connection(tenant="other", id="conn_3", revision=2, integration="theirs", name="x"),
            ),
            tools=(
                *(
                    Tool(
                        tenant="default",
                        id=f"tool_{n}",
                        revision=3,
                        connection="conn_1",
                        address=f"crm.org.main.{n}",
                        name=f"crm_{n}",
                        own_name=n,
                        effect="read",
                        definition=definition,
                    )
                    for n in ("customers_list", "customers_get", "orders_list")
                ),
                Tool(
                    tenant="default",
                    id="tool_p",
                    revision=3,
                    connection="conn_2",
                    address="crm.user.own.p",
                    name="p",
                ),
                Tool(
                    tenant="other",
                    id="tool_x",
                    revision=3,
                    connection="conn_3",
                    address="theirs.org.x.y",
                    name="y",
                ),
            ),
            toolkits=(Toolkit(tenant="default", slug="support", revision=4, tools=("crm.*",)),),
        )
    )
    return view


@pytest.fixture
def world() -> World:
    steps = Steps()
    policy = FakePolicy(steps)
    policy.people = {
        proof_of(ADMIN): Principal(tenant="default", subject="root", person="root", admin=True),
        proof_of(AGENT): Principal(tenant="default", subject="bot", person="bot", groups=("support",)),
    }
    policy.document = PolicyDocument(
        policies=(RuleSpec(name="old", effect="block", tool="crm.*"),),
        principals=(PrincipalSpec(subject="bot", groups=("support",)),),
    )
    catalog, credentials, records, view = FakeCatalog(steps), FakeCredentials(steps), FakeRecords(), _view()

    async def caught_up(revision: int) -> None:
        steps.done.append(f"caught up {revision}")

    use = UseCases(
        identify=Identify(_Decides(policy)),
        view=view,
        plan=PlanDocument(catalog, policy),
        apply=ApplyDocument(catalog, policy, credentials, view, caught_up),
        export=ExportDocument(catalog, policy),
        catalog=catalog,
        policy=policy,
        credentials=credentials,
        records=records,
    )
    return World(steps, policy, catalog, credentials, records, view, use)


@pytest_asyncio.fixture
async def client(world: World) -> AsyncGenerator[httpx2.AsyncClient]:
    """Asks without a token; tests name theirs."""
    transport = httpx2.ASGITransport(app=rest(world.use))
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as opened:
        yield opened


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def admin() -> dict[str, str]:
    return bearer(ADMIN)


@pytest.fixture
def agent() -> dict[str, str]:
    return bearer(AGENT)


@pytest.fixture
def failing() -> Callable[[str], ExecutorError]:
    def make(message: str) -> ExecutorError:
        return ExecutorError(message)

    return make
