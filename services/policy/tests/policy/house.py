"""A whole policy service for tests: real use cases over either storage, a catalog in hand, and its own time."""

import hashlib
from dataclasses import dataclass, field

import msgspec

from executor_policy.bus import UseCases
from executor_policy.clients.cel import CelConditions
from executor_policy.compose import use_cases
from executor_policy.domain.amend import FirstAdministrator
from executor_policy.domain.approval import StoredApproval
from executor_policy.domain.close_calls import CloseOverdue
from executor_policy.domain.ports import Approvals, Calls, Policies
from executor_policy.domain.standing import Standing
from executor_policy.storage.batching import BatchingRecorder
from executor_policy.storage.sealed import AesArguments
from executor_shared.clock import FakeClock
from executor_shared.context import CallContext, opened
from executor_shared.contracts.catalog import Changes, Connection, Integration, Tool, Toolkit
from executor_shared.contracts.policy import (
    Allow,
    AlreadyCalled,
    ApplyPolicy,
    ApprovalNeeded,
    Block,
    DecideCall,
    PolicyApplied,
    PolicyDocument,
    PrincipalSpec,
    ResolveApproval,
    RuleSpec,
)
from executor_shared.contracts.vocabulary import Effect
from executor_shared.grants import GrantSigner, GrantVerifier
from executor_shared.ids import CallId, new_call_id
from executor_shared.views.catalog import CatalogView

SEED = bytes(range(32))
ADMIN = "admin-token"


def proof(token: str) -> str:
    """What the gateway makes of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass
class CatalogInHand:
    """A view that tests fill."""

    view: CatalogView = field(default_factory=CatalogView)
    asked: list[int] = field(default_factory=list[int])

    async def at_least(self, revision: int) -> None:
        """Remember what was asked for."""
        self.asked.append(revision)


@dataclass
class Heard:
    """What was announced."""

    revisions: list[int] = field(default_factory=list[int])
    resolved: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    async def policy_changed(self, revision: int) -> None:
        """Remember."""
        self.revisions.append(revision)

    async def approval_resolved(self, approval: StoredApproval) -> None:
        """Remember."""
        self.resolved.append((approval.id, approval.state))


@dataclass
class House:
    """The service and everything around it."""

    policies: Policies
    approvals: Approvals
    calls: Calls
    use: UseCases
    standing: Standing
    recorder: BatchingRecorder
    catalog: CatalogInHand
    heard: Heard
    clock: FakeClock
    sweep: CloseOverdue
    verifier: GrantVerifier

    def tool(
        self,
        name: str,
        *,
        effect: Effect = "read",
        tenant: str = "default",
        owner: str = "org",
        version: str = "1",
        integration: str = "crm",
    ) -> str:
        """Put a tool into the catalog; its id."""
        segment = owner.split(":", maxsplit=1)[0] if not owner.startswith("team:") else f"team-{owner[5:]}"
        connection = f"conn_{tenant}_{integration}_{segment}"
        address, revision = f"{integration}.{segment}.main.{name}", self.catalog.view.revision + 1
        self.catalog.view.apply(
            Changes(
                upto=revision,
                integrations=(
                    Integration(
                        tenant=tenant,
                        slug=integration,
                        revision=revision,
                        origin="https://crm.example:443",
                        target=msgspec.Raw(b'{"origin":"https://crm.example:443"}'),
                    ),
                ),
                connections=(
                    Connection(
                        tenant=tenant,
                        id=connection,
                        revision=revision,
                        integration=integration,
                        owner=owner,
                        name="main",
                        credential="cred_1",
                    ),
                ),
                tools=(
                    Tool(
                        tenant=tenant,
                        id=f"tool_{tenant}_{address}",
                        revision=revision,
                        connection=connection,
                        address=address,
                        effect=effect,
                        public_digest=version,
                    ),
                ),
            )
        )
        return f"tool_{tenant}_{address}"

    def toolkit(self, slug: str, *patterns: str, tenant: str = "default") -> None:
        """Put a toolkit into the catalog."""
        kit = Toolkit(tenant=tenant, slug=slug, revision=1, tools=patterns)
        self.catalog.view.apply(Changes(upto=self.catalog.view.revision + 1, toolkits=(kit,)))

    async def begin(self) -> None:
        """The first administrators, in two tenants."""
        await self.policies.change("default", FirstAdministrator("admin", proof(ADMIN)))
        await self.policies.change("other", FirstAdministrator("admin", proof("other-admin")))
        await self.standing.refresh()

    def restarted(self) -> "House":
        """Another one over the same storage and catalog."""
        made = build(self.policies, self.approvals, self.calls)
        made.catalog.view.__dict__.update(self.catalog.view.__dict__)
        return made

    async def apply(
        self,
        *rules: RuleSpec,
        principals: tuple[PrincipalSpec, ...] = (),
        token: str = ADMIN,
        **how: bool | tuple[str, ...],
    ) -> PolicyApplied:
        """Apply a document as administrator."""
        document = PolicyDocument(policies=rules, principals=principals)
        ask = ApplyPolicy(proof=proof(token), document=document)
        return await self.use.apply(msgspec.structs.replace(ask, **how))

    async def person(self, name: str, *groups: str, admin: bool = False, person: str | None = None) -> str:
        """Add a principal; its token."""
        spec = PrincipalSpec(
            subject=name, groups=groups, admin=admin, person=person, key_proofs=(proof(f"{name}-key"),)
        )
        await self.apply(principals=(spec,))
        return f"{name}-key"

    async def call(
        self,
        token: str,
        tool: str,
        arguments: object = None,
        *,
        id_: str | None = None,
        seconds: float = 60.0,
        **how: str | int,
    ) -> Allow | ApprovalNeeded | Block | AlreadyCalled:
        """Ask for a decision."""
        raw = msgspec.Raw(msgspec.json.encode(arguments if arguments is not None else {}))
        ask = DecideCall(proof=proof(token), tool=tool, arguments=raw)
        ask = msgspec.structs.replace(ask, **how)
        context = CallContext(CallId(id_ or new_call_id()), self.clock.now() + seconds)
        with opened(context):
            return (await self.use.decide(ask)).outcome

    async def resolve(self, token: str, approval: str, decision: str, reason: str = "") -> str:
        """Decide an approval; its state."""
        ask = ResolveApproval(proof=proof(token), id=approval, decision="deny", reason=reason)
        ask = msgspec.structs.replace(ask, decision=decision)
        return (await self.use.resolve_approval(ask)).state


def build(policies: Policies, approvals: Approvals, calls: Calls) -> House:
    """Put it together over some storage."""
    clock, catalog, heard, conditions = FakeClock(), CatalogInHand(), Heard(), CelConditions()
    standing = Standing(policies, conditions, clock)
    recorder, signer = BatchingRecorder(calls, most=1000), GrantSigner(SEED)
    use = use_cases(
        standing=standing,
        catalog=catalog,
        policies=policies,
        approvals=approvals,
        calls=calls,
        recorder=recorder,
        vault=AesArguments(SEED),
        conditions=conditions,
        announcer=heard,
        signer=signer,
        clock=clock,
    )
    return House(
        policies=policies,
        approvals=approvals,
        calls=calls,
        use=use,
        standing=standing,
        recorder=recorder,
        catalog=catalog,
        heard=heard,
        clock=clock,
        sweep=CloseOverdue(calls, approvals, heard, clock, 60.0),
        verifier=GrantVerifier((signer.public_key,), clock),
    )
