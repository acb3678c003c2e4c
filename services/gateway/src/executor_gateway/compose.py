"""Everything of the gateway meets here."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from urllib.parse import urlsplit

import msgspec
import structlog

from executor_gateway.bus import listeners
from executor_gateway.clients.adapters import BusAdapters
from executor_gateway.clients.administration import BusCatalog, BusCredentials, BusRecords, BusRules
from executor_gateway.clients.policy import BusPolicy
from executor_gateway.domain.apply import ApplyDocument
from executor_gateway.domain.arguments import CheckArguments
from executor_gateway.domain.call_tool import CallTool
from executor_gateway.domain.endpoint import Endpoints
from executor_gateway.domain.export import ExportDocument
from executor_gateway.domain.identify import Identify
from executor_gateway.domain.keyring import KeyRing
from executor_gateway.domain.list_tools import ListTools
from executor_gateway.domain.plan import PlanDocument
from executor_gateway.http.app import rest
from executor_gateway.http.use_cases import UseCases
from executor_gateway.mcp import Mcp
from executor_gateway.mcp.calls import Calls, Limits
from executor_gateway.mcp.exchange import Exchange, Receive, RefusedError, Scope, Send
from executor_gateway.mcp.front import Front
from executor_gateway.mcp.legacy import Legacy
from executor_gateway.mcp.metadata import Metadata
from executor_gateway.mcp.modern import Modern
from executor_gateway.mcp.sessions import Sessions
from executor_gateway.mcp.streams import Changes, Streams
from executor_gateway.mcp.trace import Traces
from executor_gateway.settings import GatewayBlock, GatewaySettings
from executor_shared.bus import Bus
from executor_shared.contracts.base import ServiceName
from executor_shared.contracts.gateway import SESSION_ENDED, SessionEnded
from executor_shared.service.service import Asgi, Definition, Service
from executor_shared.views import CatalogView, Follower

_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.gateway")
_LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))


def _key_ring(block: GatewayBlock) -> KeyRing:
    if block.session_keys:
        return KeyRing(tuple(key.get_secret_value().encode() for key in block.session_keys))
    _log.info(
        "session_keys.generated", meaning="sessions end with this process and are not shared by replicas"
    )
    return KeyRing((secrets.token_bytes(32),))


def _front(settings: GatewaySettings) -> Front:
    block = settings.gateway
    public = urlsplit(block.public_url)
    host = public.netloc.lower() if public.port else (public.hostname or "").lower()
    return Front(
        hosts=frozenset((host, *(name.lower() for name in block.allowed_hosts))),
        origins=frozenset((block.public_url.lower(), *block.allowed_origins)),
        loopback=settings.http.host in _LOOPBACK,
    )


@dataclass(frozen=True, slots=True)
class Doors:
    """One ASGI application: MCP by hand in front, everything else by FastAPI behind the same host check."""

    mcp: Mcp
    rest: Asgi

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a connection on."""
        if scope["type"] != "http":
            await self.rest(scope, receive, send)
            return
        if self.mcp.handles(scope["path"]):
            await self.mcp(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send)
        try:
            self.mcp.front.check_host(exchange)
        except RefusedError as error:
            await exchange.refuse(error)
            return
        await self.rest(scope, receive, send)


def _server() -> bytes:
    return msgspec.json.encode(
        {"name": "executor", "title": "Executor", "version": version("executor-gateway")}
    )


def _use_cases(bus: Bus, view: CatalogView, identify: Identify, follower: Follower) -> UseCases:
    catalog, rules, credentials = BusCatalog(bus), BusRules(bus), BusCredentials(bus)
    return UseCases(
        identify=identify,
        view=view,
        plan=PlanDocument(catalog, rules),
        apply=ApplyDocument(catalog, rules, credentials, view, follower.at_least),
        export=ExportDocument(catalog, rules),
        catalog=catalog,
        policy=rules,
        credentials=credentials,
        records=BusRecords(bus),
    )


def _traces(settings: GatewaySettings) -> Traces:
    telemetry = settings.telemetry
    return Traces(telemetry.sample_ratio if telemetry.otlp_endpoint else 0.0)


def _mcp(settings: GatewaySettings, bus: Bus, view: CatalogView, identify: Identify) -> Mcp:
    block = settings.gateway
    keys = _key_ring(block)
    policy = BusPolicy(bus)
    endpoints = Endpoints(view)
    tools = ListTools(endpoints, policy, keys)
    changes = Changes(most=block.streams, most_of_one=block.streams_of_one)
    streams = Streams(changes, tools, identify, block.keep_alive)
    adapters = BusAdapters(bus, block.pool)
    call = CallTool(policy, adapters, CheckArguments(), block.public_url, block.call_timeout)
    limits = Limits(block.calls, block.calls_of_one)
    calls = Calls(endpoints, tools, call, limits, _traces(settings), _server(), block.keep_alive)

    async def tell(ended: SessionEnded) -> None:
        await bus.say(SESSION_ENDED, ended)

    return Mcp(
        front=_front(settings),
        metadata=Metadata(block.public_url, block.authorization_servers),
        identify=identify,
        endpoints=endpoints,
        modern=Modern(calls, streams),
        legacy=Legacy(calls, streams, Sessions(keys, block.session_seconds), tell),
        body_limit=block.body_limit,
    )


@asynccontextmanager
async def compose(settings: GatewaySettings, bus: Bus) -> AsyncGenerator[Service]:
    """Build the gateway; leaving ends its streams and waits for the calls under way."""
    view = CatalogView()
    identify = Identify(BusPolicy(bus))
    mcp = _mcp(settings, bus, view, identify)
    calls, changes = mcp.modern.calls, mcp.modern.streams.changes
    follower = Follower(bus, view, changed=changes.changed)

    def policy_changed() -> None:
        identify.forget()
        calls.list_tools.forget()
        changes.changed()

    async def stop() -> None:
        changes.close()

    heard = listeners(policy_changed=policy_changed, session_ended=mcp.legacy.end)
    try:
        yield Service(
            name=ServiceName.GATEWAY,
            listeners=(follower.listener, *heard),
            start=follower.start,
            stop=stop,
            app=Doors(mcp, rest(_use_cases(bus, view, identify, follower))),
        )
    finally:
        changes.close()
        await follower.stop()
        await calls.drain()


GATEWAY = Definition(ServiceName.GATEWAY, GatewaySettings, compose)
