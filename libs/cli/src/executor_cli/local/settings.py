"""The settings of every service, without the services' code."""

from executor_adapters.settings import AdaptersSettings
from executor_catalog.settings import CatalogSettings
from executor_gateway.settings import GatewaySettings
from executor_policy.settings import PolicySettings
from executor_shared.settings import ServiceSettings
from executor_vault_broker.settings import VaultBrokerSettings

SETTINGS: tuple[type[ServiceSettings], ...] = (
    GatewaySettings,
    CatalogSettings,
    PolicySettings,
    VaultBrokerSettings,
    AdaptersSettings,
)
