"""What administration needs from the other services, in the gateway's own words."""

from typing import Protocol

from executor_shared.contracts.catalog import (
    ApplyCatalog,
    CatalogApplied,
    CatalogDocument,
    HeldDefinitions,
    RefreshConnection,
    ResolveDefinition,
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
    ResolveApproval,
)
from executor_shared.contracts.vault_broker import CredentialStored, StoreCredential


class Catalog(Protocol):
    """Integrations, connections, tools and toolkits."""

    async def apply(self, wanted: ApplyCatalog) -> CatalogApplied:
        """Make it so, or on a dry run say what would change."""
        ...

    async def export(self, tenant: str) -> CatalogDocument:
        """The declarative form of what is."""
        ...

    async def refresh(self, wanted: RefreshConnection) -> ToolsChanged:
        """Ask an upstream again what it offers."""
        ...

    async def held(self, tenant: str, after: str = "") -> HeldDefinitions:
        """A page of the definitions that wait for acceptance: those after a tool id."""
        ...

    async def resolve(self, wanted: ResolveDefinition) -> None:
        """Accept or reject one."""
        ...


class Policy(Protocol):
    """Rules, principals, and the right to ask an upstream what it offers."""

    async def apply(self, wanted: ApplyPolicy) -> PolicyApplied:
        """Make it so, or on a dry run say what would change."""
        ...

    async def export(self, proof: str) -> PolicyDocument:
        """The declarative form of what is."""
        ...

    async def grant_discovery(self, wanted: GrantDiscovery) -> str:
        """A grant of purpose `discover`."""
        ...


class Credentials(Protocol):
    """Where credentials go; none ever comes back."""

    async def sealing_key(self) -> bytes:
        """The X25519 public key that values are sealed to."""
        ...

    async def store(self, wanted: StoreCredential) -> CredentialStored:
        """Store sealed values, or the name of an external secret."""
        ...

    async def revert(self, tenant: str, credential: str, version: int) -> None:
        """Take back the newest version."""
        ...

    async def delete(self, tenant: str, credential: str) -> None:
        """Destroy all versions."""
        ...


class Records(Protocol):
    """Approvals and calls, as their principal may see them."""

    async def approval(self, wanted: GetApproval) -> Approval:
        """One approval."""
        ...

    async def approvals(self, wanted: ListApprovals) -> Approvals:
        """A page of approvals."""
        ...

    async def resolve(self, wanted: ResolveApproval) -> Approval:
        """A person's decision."""
        ...

    async def call(self, wanted: GetCall) -> CallRecord:
        """One call."""
        ...

    async def calls(self, wanted: ListCalls) -> Calls:
        """A page of calls."""
        ...
