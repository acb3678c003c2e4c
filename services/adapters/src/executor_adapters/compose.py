"""The adapters put together."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import entry_points

from executor_adapters.bus import handlers, listeners
from executor_adapters.clients.reports import BusReports
from executor_adapters.clients.vault_broker import BusLeases
from executor_adapters.domain.bulkhead import Bulkhead
from executor_adapters.domain.discover_tools import DiscoverTools
from executor_adapters.domain.execute_call import ExecuteCalls
from executor_adapters.domain.kind import Adapter, AdapterKind, KindOptions
from executor_adapters.domain.leasing import Leasing
from executor_adapters.domain.registry import Registry, choose
from executor_adapters.domain.seen import SeenCalls
from executor_adapters.settings import AdaptersBlock, AdaptersSettings, public_keys
from executor_shared.bus import Bus
from executor_shared.clock import SystemClock
from executor_shared.contracts.base import ServiceName
from executor_shared.egress.addresses import Guard, rule_of
from executor_shared.egress.guarded import GuardedEgress
from executor_shared.grants import GrantVerifier
from executor_shared.service.service import Definition, Service

GROUP = "executor.adapter_kinds"


def installed(enabled: tuple[str, ...]) -> Iterator[AdapterKind]:
    """The kinds that installed packages provide; only the enabled ones are loaded."""
    for point in entry_points(group=GROUP):
        if point.name in enabled:
            yield point.load()


async def _opened(stack: AsyncExitStack, block: AdaptersBlock, egress: GuardedEgress) -> Registry:
    options = KindOptions(
        allow_stdio=block.allow_stdio,
        stdio_folder=block.stdio_folder,
        max_description_bytes=block.max_description_bytes,
    )
    adapters: dict[str, Adapter] = {}
    for kind in choose(installed(block.enabled_kinds), block.enabled_kinds):
        adapters[kind.name] = await stack.enter_async_context(kind.open(egress, options))
    return Registry(adapters)


@asynccontextmanager
async def compose(settings: AdaptersSettings, bus: Bus) -> AsyncGenerator[Service]:
    """Open what adapters need, and yield the service."""
    block, clock = settings.adapters, SystemClock()
    guard = Guard(block.allow_loopback, tuple(rule_of(text) for text in block.forbidden))
    grants = GrantVerifier(public_keys(settings.grants), clock)
    leasing = Leasing(BusLeases(bus), clock)
    async with AsyncExitStack() as stack:
        egress = GuardedEgress(guard)
        stack.push_async_callback(egress.close)
        kinds = await _opened(stack, block, egress)
        execute = ExecuteCalls(
            grants=grants,
            seen=SeenCalls(clock),
            leasing=leasing,
            kinds=kinds,
            bulkhead=Bulkhead(block.calls_of_one_origin),
            reports=BusReports(bus),
            max_bytes=block.max_response_bytes,
        )
        discover = DiscoverTools(grants, leasing, kinds, block.discovery_timeout)
        yield Service(
            name=ServiceName.ADAPTERS,
            handlers=handlers(
                execute, discover, pool=block.pool, kinds=block.enabled_kinds, calls=block.calls
            ),
            listeners=listeners(leasing),
        )


ADAPTERS = Definition(name=ServiceName.ADAPTERS, settings=AdaptersSettings, compose=compose)
