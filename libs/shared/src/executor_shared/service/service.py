"""What a service is to the runner: what it answers, hears and serves, and how to tell that it is ready."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from executor_shared.bus import Bus, Handler, Listener
from executor_shared.contracts.base import ServiceName
from executor_shared.settings import ServiceSettings

Asgi = Callable[..., Awaitable[None]]
Check = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Service:
    """A composed service.

    Attributes:
        handlers: served before `start` runs.
        listeners: heard before `start` runs.
        start: run once the bus is served; returns when the service can do its work (views are filled).
        stop: told first at a shutdown, while everything still works: end streams that would last.
        app: an ASGI application that answers everything but /livez, /readyz and /metrics.
        ready: dependency name to a check that raises when it is not usable.

    """

    name: ServiceName
    handlers: tuple[Handler[Any, Any], ...] = ()
    listeners: tuple[Listener[Any], ...] = ()
    start: Callable[[], Awaitable[None]] | None = None
    stop: Callable[[], Awaitable[None]] | None = None
    app: Asgi | None = None
    ready: Mapping[str, Check] = field(default_factory=dict[str, Check])


S = TypeVar("S", bound=ServiceSettings)


@dataclass(frozen=True, slots=True)
class Definition(Generic[S]):
    """A deployable: its name, its settings, and its composition root.

    `compose` opens what the service needs and yields the `Service`; leaving it closes everything.
    """

    name: ServiceName
    settings: type[S]
    compose: Callable[[S, Bus], AbstractAsyncContextManager[Service]]
    migrations: str | None = None
    """Import name of the package with the Alembic history, e.g. `executor_policy.storage.migrations`."""
