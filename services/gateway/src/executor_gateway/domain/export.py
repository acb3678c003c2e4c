"""What is, as a configuration document."""

from dataclasses import dataclass

from executor_gateway.domain.administration import Catalog, Policy
from executor_gateway.domain.identify import Identity
from executor_shared.document import dump
from executor_shared.errors import NotPermittedError


@dataclass(frozen=True, slots=True)
class ExportDocument:
    """Writes the tenant's configuration as YAML."""

    catalog: Catalog
    policy: Policy

    async def __call__(self, identity: Identity) -> str:
        """The document.

        Raises:
            NotPermittedError: not an administrator.

        """
        tenant = identity.principal.tenant
        if not identity.principal.admin:
            raise NotPermittedError("Only administrators may export the configuration.")
        rules = await self.policy.export(identity.proof)
        return dump(await self.catalog.export(tenant), rules, tenant=tenant)
