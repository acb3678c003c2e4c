"""What the REST API is made of; `compose` fills it."""

from dataclasses import dataclass

from executor_gateway.domain.administration import Catalog, Credentials, Policy, Records
from executor_gateway.domain.apply import ApplyDocument
from executor_gateway.domain.export import ExportDocument
from executor_gateway.domain.identify import Identify
from executor_gateway.domain.plan import PlanDocument
from executor_shared.views.catalog import CatalogView


@dataclass(frozen=True, slots=True)
class UseCases:
    """Everything that the routes call."""

    identify: Identify
    view: CatalogView
    plan: PlanDocument
    apply: ApplyDocument
    export: ExportDocument
    catalog: Catalog
    policy: Policy
    credentials: Credentials
    records: Records
