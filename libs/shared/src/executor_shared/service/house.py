"""Running services in this process: one or all is the same code."""

import asyncio
import gc
import graphlib
import importlib
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from executor_shared.bus import Bus
from executor_shared.bus.nats import NatsTransport
from executor_shared.bus.transport import Transport
from executor_shared.contracts.all import REQUESTS
from executor_shared.contracts.base import ServiceName
from executor_shared.errors import UnavailableError
from executor_shared.service.edge import traced
from executor_shared.service.health import Health, HealthApp
from executor_shared.service.service import Check, Definition, Service
from executor_shared.service.telemetry import Telemetry
from executor_shared.service.web import serving
from executor_shared.settings import DatabaseSettings, ServiceSettings

_DRAIN_SECONDS: Final = 60
_YOUNG_OBJECTS: Final = 10_000
_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.service")

Part = tuple[Definition[Any], ServiceSettings]
TransportOf = Callable[[ServiceName], Transport | Awaitable[Transport]]


@dataclass(slots=True)
class House:
    """What runs.

    Attributes:
        bus: each service's own bus, with its own rights.
        urls: where each service's HTTP is; with several services it is the same for all (the gateway's).
        health: readiness of everything in here.
        telemetry: what each service measures with.

    """

    bus: dict[ServiceName, Bus] = field(default_factory=dict[ServiceName, Bus])
    urls: dict[ServiceName, str] = field(default_factory=dict[ServiceName, str])
    health: Health = field(default_factory=Health)
    telemetry: dict[ServiceName, Telemetry] = field(default_factory=dict[ServiceName, Telemetry])


def start_order() -> tuple[ServiceName, ...]:
    """Callees first, so that whoever starts finds those it asks."""
    graph: dict[ServiceName, set[ServiceName]] = {name: set() for name in ServiceName}
    for request in REQUESTS:
        for caller in request.callers:
            graph[caller].add(request.owner)
    return tuple(graphlib.TopologicalSorter(graph).static_order())


@asynccontextmanager
async def running(
    parts: Sequence[Part], *, transport_of: TransportOf | None = None, drain_seconds: int = _DRAIN_SECONDS
) -> AsyncGenerator[House]:
    """Run these services for the block; at its end drain them, callers first.

    Args:
        parts: definitions with their settings, in any order.
        transport_of: how a service reaches the bus; default: NATS by its own settings.
        drain_seconds: how long HTTP requests in hand may still take at the end.

    Raises:
        ExecutorError: a service cannot start; everything started before it is stopped again.

    """
    order = start_order()
    ordered = sorted(parts, key=lambda part: order.index(part[0].name))
    house = House()
    several = len(ordered) > 1
    services: list[Service] = []
    async with AsyncExitStack() as stack:
        for definition, settings in ordered:
            service = await _opened(stack, house, definition, settings, transport_of)
            services.append(service)
            prefix = f"{service.name}." if several else ""
            house.health.ready |= {prefix + name: check for name, check in service.ready.items()}
            house.health.ready[f"{prefix}bus"] = _connected(house.bus[service.name])
        await _open_http(stack, house, services, ordered, drain_seconds)
        settle_memory()
        yield house


def settle_memory() -> None:
    """Leave what was loaded at start out of every later garbage collection, and collect less often.

    A full collection walks all of the code and catalog: tens of milliseconds in which no call moves.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 100)


async def _opened(
    stack: AsyncExitStack,
    house: House,
    definition: Definition[Any],
    settings: ServiceSettings,
    transport_of: TransportOf | None,
) -> Service:
    await _migrate(definition, settings)
    telemetry = Telemetry.open(settings.telemetry, definition.name)
    house.telemetry[definition.name] = telemetry
    stack.push_async_callback(asyncio.to_thread, telemetry.close)
    bus = Bus(definition.name, await _transport(definition.name, settings, transport_of), telemetry.bus)
    house.bus[definition.name] = bus
    stack.push_async_callback(bus.close)
    service = await stack.enter_async_context(definition.compose(settings, bus))
    stack.push_async_callback(bus.drain)  # before compose is left: answers in hand need what it opened
    for handler in service.handlers:
        await bus.serve(handler)
    for listener in service.listeners:
        await bus.hear(listener)
    if service.start is not None:
        await service.start()
    _log.info("service.started", name=str(service.name))
    return service


async def _migrate(definition: Definition[Any], settings: ServiceSettings) -> None:
    database: object = getattr(settings, "database", None)
    if definition.migrations is None or not isinstance(database, DatabaseSettings) or not database.migrate:
        return
    # Only services with a database load SQLAlchemy and Alembic.
    migrate = importlib.import_module("executor_shared.db.migrate").migrate
    await migrate(database, definition.migrations, schema=definition.name.replace("-", "_"))


async def _transport(
    name: ServiceName, settings: ServiceSettings, transport_of: TransportOf | None
) -> Transport:
    if transport_of is None:
        return await NatsTransport.open(settings.bus, name)
    found = transport_of(name)
    return await found if inspect.isawaitable(found) else found


def _connected(bus: Bus) -> Check:
    async def check() -> None:
        if not bus.connected:
            raise UnavailableError("The message bus is not connected.")

    return check


async def _open_http(
    stack: AsyncExitStack,
    house: House,
    services: Sequence[Service],
    ordered: Sequence[Part],
    drain_seconds: int,
) -> None:
    """Open the front's HTTP: the gateway's where it is here, else the one that nobody here asks."""
    names = [service.name for service in services]
    front = names.index(ServiceName.GATEWAY) if ServiceName.GATEWAY in names else len(names) - 1
    chosen = services[front]
    app = HealthApp(house.health, traced(chosen.app, house.telemetry[chosen.name].provider))
    url = await stack.enter_async_context(serving(app, ordered[front][1].http, drain_seconds=drain_seconds))
    house.urls = dict.fromkeys(names, url)
    stack.push_async_callback(_begin_drain, house.health, services)
    house.health.starting = False
    _log.info("http.opened", url=url, services=[str(name) for name in names])


async def _begin_drain(health: Health, services: Sequence[Service]) -> None:
    health.draining = True
    for service in reversed(services):
        if service.stop is not None:
            await service.stop()
