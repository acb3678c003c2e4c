"""The five services in this process. Importing this loads all of their code."""

from contextlib import AbstractAsyncContextManager
from typing import Any

from executor_adapters.compose import ADAPTERS
from executor_catalog.compose import CATALOG
from executor_cli.local.wiring import Wiring
from executor_gateway.compose import GATEWAY
from executor_policy.compose import POLICY
from executor_shared.service.house import House, running
from executor_shared.service.service import Definition
from executor_vault_broker.compose import VAULT_BROKER

_SERVICES: tuple[Definition[Any], ...] = (VAULT_BROKER, ADAPTERS, CATALOG, POLICY, GATEWAY)


def running_with(wiring: Wiring) -> AbstractAsyncContextManager[House]:
    """All of them, wired for this machine."""
    return running([(one, wiring.settings(one.name, one.settings)) for one in _SERVICES])
