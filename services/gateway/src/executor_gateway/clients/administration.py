"""Catalog, policy and vault-broker over the bus, for administration."""

from dataclasses import dataclass

from executor_shared.bus import Bus
from executor_shared.contracts.base import Nothing
from executor_shared.contracts.catalog import (
    APPLY_CATALOG,
    EXPORT_CATALOG,
    LIST_HELD,
    REFRESH_CONNECTION,
    RESOLVE_DEFINITION,
    ApplyCatalog,
    CatalogApplied,
    CatalogDocument,
    ExportAsked,
    HeldAsked,
    HeldDefinitions,
    RefreshConnection,
    ResolveDefinition,
    ToolsChanged,
)
from executor_shared.contracts.policy import (
    APPLY_POLICY,
    EXPORT_POLICY,
    GET_APPROVAL,
    GET_CALL,
    GRANT_DISCOVERY,
    LIST_APPROVALS,
    LIST_CALLS,
    RESOLVE_APPROVAL,
    ApplyPolicy,
    Approval,
    Approvals,
    CallRecord,
    Calls,
    ExportPolicy,
    GetApproval,
    GetCall,
    GrantDiscovery,
    ListApprovals,
    ListCalls,
    PolicyApplied,
    PolicyDocument,
    ResolveApproval,
)
from executor_shared.contracts.vault_broker import (
    DELETE_CREDENTIAL,
    GET_SEALING_KEY,
    REVERT_CREDENTIAL,
    STORE_CREDENTIAL,
    CredentialStored,
    DeleteCredential,
    RevertCredential,
    StoreCredential,
)


@dataclass(frozen=True, slots=True)
class BusCatalog:
    """Implements `domain.administration.Catalog`."""

    bus: Bus

    async def apply(self, wanted: ApplyCatalog) -> CatalogApplied:
        """Make it so, or on a dry run say what would change."""
        return await self.bus.request(APPLY_CATALOG, wanted)

    async def export(self, tenant: str) -> CatalogDocument:
        """The declarative form of what is."""
        return await self.bus.request(EXPORT_CATALOG, ExportAsked(tenant=tenant))

    async def refresh(self, wanted: RefreshConnection) -> ToolsChanged:
        """Ask an upstream again what it offers."""
        return await self.bus.request(REFRESH_CONNECTION, wanted)

    async def held(self, tenant: str, after: str = "") -> HeldDefinitions:
        """A page of the definitions that wait for acceptance."""
        return await self.bus.request(LIST_HELD, HeldAsked(tenant=tenant, after=after))

    async def resolve(self, wanted: ResolveDefinition) -> None:
        """Accept or reject one."""
        await self.bus.request(RESOLVE_DEFINITION, wanted)


@dataclass(frozen=True, slots=True)
class BusRules:
    """Implements `domain.administration.Policy`."""

    bus: Bus

    async def apply(self, wanted: ApplyPolicy) -> PolicyApplied:
        """Make it so, or on a dry run say what would change."""
        return await self.bus.request(APPLY_POLICY, wanted)

    async def export(self, proof: str) -> PolicyDocument:
        """The declarative form of what is."""
        return await self.bus.request(EXPORT_POLICY, ExportPolicy(proof=proof))

    async def grant_discovery(self, wanted: GrantDiscovery) -> str:
        """A grant of purpose `discover`."""
        return (await self.bus.request(GRANT_DISCOVERY, wanted)).grant


@dataclass(frozen=True, slots=True)
class BusCredentials:
    """Implements `domain.administration.Credentials`."""

    bus: Bus

    async def sealing_key(self) -> bytes:
        """The X25519 public key that values are sealed to."""
        return (await self.bus.request(GET_SEALING_KEY, Nothing())).public_key

    async def store(self, wanted: StoreCredential) -> CredentialStored:
        """Store sealed values, or the name of an external secret."""
        return await self.bus.request(STORE_CREDENTIAL, wanted)

    async def revert(self, tenant: str, credential: str, version: int) -> None:
        """Take back the newest version."""
        await self.bus.request(
            REVERT_CREDENTIAL, RevertCredential(tenant=tenant, credential=credential, version=version)
        )

    async def delete(self, tenant: str, credential: str) -> None:
        """Destroy all versions."""
        await self.bus.request(DELETE_CREDENTIAL, DeleteCredential(tenant=tenant, credential=credential))


@dataclass(frozen=True, slots=True)
class BusRecords:
    """Implements `domain.administration.Records`."""

    bus: Bus

    async def approval(self, wanted: GetApproval) -> Approval:
        """One approval."""
        return await self.bus.request(GET_APPROVAL, wanted)

    async def approvals(self, wanted: ListApprovals) -> Approvals:
        """A page of approvals."""
        return await self.bus.request(LIST_APPROVALS, wanted)

    async def resolve(self, wanted: ResolveApproval) -> Approval:
        """A person's decision."""
        return await self.bus.request(RESOLVE_APPROVAL, wanted)

    async def call(self, wanted: GetCall) -> CallRecord:
        """One call."""
        return await self.bus.request(GET_CALL, wanted)

    async def calls(self, wanted: ListCalls) -> Calls:
        """A page of calls."""
        return await self.bus.request(LIST_CALLS, wanted)
