"""Every contract there is."""

from typing import Any

from executor_shared.contracts import adapters, catalog, gateway, policy, vault_broker
from executor_shared.contracts.base import Event, Request

_MODULES = (adapters, catalog, gateway, policy, vault_broker)
_VALUES = tuple(value for module in _MODULES for value in vars(module).values())

REQUESTS: tuple[Request[Any, Any], ...] = tuple(value for value in _VALUES if isinstance(value, Request))
EVENTS: tuple[Event[Any], ...] = tuple(value for value in _VALUES if isinstance(value, Event))
