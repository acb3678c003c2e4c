"""Revision 2026-07-28: every request stands for itself; no sessions."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

import msgspec

from executor_gateway.domain.instructions import instructions
from executor_gateway.mcp.calls import Caller, Calls, client_name, cursor_of, wait_for
from executor_gateway.mcp.exchange import Exchange, RefusedError, event
from executor_gateway.mcp.inbound import (
    CLIENT_KEY,
    LEVEL_KEY,
    MODERN,
    check_envelope,
    check_parameters,
)
from executor_gateway.mcp.jsonrpc import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    NOT_NOW,
    Message,
    Object,
    RpcError,
    failure,
    message_of,
    result,
)
from executor_gateway.mcp.results import rpc_error
from executor_gateway.mcp.streams import Streams
from executor_shared.errors import ExecutorError, NotAuthenticatedError

_LIST_TTL = 60_000
_DISCOVER_TTL = 300_000
_SUBSCRIPTION_KEY = "io.modelcontextprotocol/subscriptionId"
_LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
_RETRY = ((b"retry-after", b"1"),)
_TOOLS_CHANGED = "notifications/tools/list_changed"

Parts = tuple[bytes, ...]


def _text(value: object) -> bytes:
    return msgspec.json.encode(value)


@dataclass(frozen=True, slots=True)
class Modern:
    """Serves one request of the modern era."""

    calls: Calls
    streams: Streams

    async def post(self, exchange: Exchange, caller: Caller, token: str, value: object, body: bytes) -> None:
        """Answer one POST whose body holds `value`."""
        message = message_of(value, body)
        if message is None or not message.method:
            error = RpcError(
                INVALID_REQUEST, "The body must be exactly one request or notification.", status=400
            )
            await exchange.answer(error.status, failure(None, error))
            return
        if message.id is None:
            await exchange.empty(202)
            return
        try:
            await self._request(exchange, caller, token, message, message.id)
        except RefusedError as error:
            if error.status != 503:  # noqa: PLR2004 - no room for a stream is told as JSON-RPC
                raise
            busy = RpcError(NOT_NOW, error.message, status=503)
            await exchange.answer(503, failure(message.id, busy), headers=error.headers)
        except RpcError as error:
            retry = _RETRY if error.status in (429, 503) else ()
            await exchange.answer(error.status, failure(message.id, error), headers=retry)
        except NotAuthenticatedError:
            raise
        except ExecutorError as error:
            await exchange.answer(200, failure(message.id, rpc_error(error)))

    async def _request(
        self, exchange: Exchange, caller: Caller, token: str, message: Message, identifier: bytes
    ) -> None:
        check_envelope(exchange, message)
        meta = cast("Object", message.params["_meta"])
        caller = Caller(caller.identity, caller.served, MODERN, client_name(meta.get(CLIENT_KEY)))
        if message.method == "subscriptions/listen":
            await self._listen(exchange, caller, token, message, identifier)
            return
        handle = self._handler(message.method)
        if LEVEL_KEY in meta and meta[LEVEL_KEY] not in _LEVELS:
            raise RpcError(INVALID_PARAMS, f"_meta[{LEVEL_KEY!r}] is not one of {', '.join(_LEVELS)}.")
        prefix = b'{"jsonrpc":"2.0","id":' + identifier + b',"result":'
        await exchange.answer(200, prefix, *await handle(exchange, caller, message), b"}")

    def _handler(self, method: str) -> Callable[[Exchange, Caller, Message], Awaitable[Parts]]:
        match method:
            case "tools/call":
                return self._call
            case "tools/list":
                return self._list
            case "server/discover":
                return self._discover
            case _:
                raise RpcError(METHOD_NOT_FOUND, f"Method not found: {method[:128]}", status=404)

    async def _call(self, exchange: Exchange, caller: Caller, message: Message) -> Parts:
        wanted = self.calls.wanted(caller, message, exchange)
        tool = wanted.routed.tool
        if b"x-mcp-header" in bytes(tool.definition):
            schema = self.calls.call_tool.check.schema(tool).schema
            check_parameters(exchange, schema, dict(wanted.asked.arguments))
        task = self.calls.start(self.calls.perform(caller, wanted))
        return (await wait_for(exchange, task, gone_ends=wanted.reads, keep_alive=self.calls.keep_alive),)

    async def _list(self, exchange: Exchange, caller: Caller, message: Message) -> Parts:
        del exchange
        page = await self.calls.list_tools(
            caller.identity, caller.served, caller.version, cursor_of(message.params)
        )
        after = b"" if page.next is None else b',"nextCursor":' + _text(page.next)
        return (b'{"resultType":"complete","tools":', page.tools, after + self._tail(_LIST_TTL))

    async def _discover(self, exchange: Exchange, caller: Caller, message: Message) -> Parts:
        del exchange, message
        text = instructions(self.calls.endpoints, caller.identity.principal, caller.served)
        head = (
            b'{"resultType":"complete","supportedVersions":["2026-07-28"],'
            b'"capabilities":{"tools":{"listChanged":true}},"instructions":'
        )
        return (head + _text(text) + self._tail(_DISCOVER_TTL),)

    def _tail(self, ttl: int) -> bytes:
        return b',"ttlMs":%d,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":%b}}' % (
            ttl,
            self.calls.server,
        )

    async def _listen(
        self, exchange: Exchange, caller: Caller, token: str, message: Message, identifier: bytes
    ) -> None:
        wanted = message.params.get("notifications", {})
        if not isinstance(wanted, dict):
            raise RpcError(INVALID_PARAMS, "params.notifications must be an object.")
        if not exchange.accepts("text/event-stream"):
            raise RefusedError(
                406, "invalid_request", "subscriptions/listen answers with text/event-stream only."
            )
        meta = b'"_meta":{"%b":%b}' % (_SUBSCRIPTION_KEY.encode(), identifier)
        honoured = (
            b'"toolsListChanged":true' if cast("Object", wanted).get("toolsListChanged") is True else b""
        )
        said = b'{"jsonrpc":"2.0","method":"%b","params":{%b}}' % (_TOOLS_CHANGED.encode(), meta)
        first = (
            b'{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":'
            b'{"notifications":{%b},%b}}' % (honoured, meta)
        )
        await self.streams.serve(exchange, caller, token, said if honoured else b"", first=event(first))
        last = result(identifier, b'{"resultType":"complete",%b}' % meta)
        await exchange.send(event(last), last=True)
