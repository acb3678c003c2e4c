"""Revisions 2025-03-26 to 2025-11-25: sessions that any replica can serve, errors at HTTP 200."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

import msgspec

from executor_gateway.domain.endpoint import Served
from executor_gateway.domain.identify import Identity
from executor_gateway.domain.instructions import instructions
from executor_gateway.mcp.calls import Caller, Calls, client_name, cursor_of, wait_for
from executor_gateway.mcp.exchange import Exchange, RefusedError
from executor_gateway.mcp.inbound import LEGACY
from executor_gateway.mcp.jsonrpc import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    TOO_MANY,
    Message,
    RpcError,
    failure,
    id_text,
    message_of,
    result,
)
from executor_gateway.mcp.results import rpc_error
from executor_gateway.mcp.sessions import Session, Sessions
from executor_gateway.mcp.streams import Streams
from executor_shared.contracts.gateway import SessionEnded
from executor_shared.errors import ExecutorError, NotAuthenticatedError

_NEWEST = "2025-11-25"
_OLDEST = "2025-03-26"
_BATCH_MAX = 50
_SAID = b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'
_MISSING = RefusedError(400, "invalid_request", "Mcp-Session-Id is missing: send initialize first.")
_UNKNOWN = RefusedError(404, "not_found", "No such session: send initialize to open a new one.")


@dataclass(frozen=True, slots=True)
class Legacy:
    """Serves the session-based era.

    Attributes:
        tell: says to every replica that a session ended.
        under_way: running calls by session and request id, for `notifications/cancelled`.

    """

    calls: Calls
    streams: Streams
    sessions: Sessions
    tell: Callable[[SessionEnded], Awaitable[None]]
    under_way: dict[tuple[str, bytes], asyncio.Task[bytes]] = field(
        default_factory=dict[tuple[str, bytes], asyncio.Task[bytes]]
    )

    def _session(self, exchange: Exchange, identity: Identity, served: Served) -> Session:
        text = exchange.header(b"mcp-session-id")
        if not text:
            raise _MISSING
        session = self.sessions.find(text, identity.principal, served.endpoint.path)
        if session is None:
            raise _UNKNOWN
        return session

    async def get(self, exchange: Exchange, identity: Identity, served: Served, token: str) -> None:
        """The stream of notifications of a session."""
        session = self._session(exchange, identity, served)
        if not exchange.accepts("text/event-stream"):
            raise RefusedError(406, "invalid_request", "GET answers with text/event-stream only.")
        caller = Caller(identity, served, session.version, session.client)
        await self.streams.serve(exchange, caller, token, _SAID, session=session.id)
        await exchange.send(b"", last=True)

    async def delete(self, exchange: Exchange, identity: Identity, served: Served) -> None:
        """End a session, here at once and on the other replicas as they hear of it."""
        session = self._session(exchange, identity, served)
        ended = SessionEnded(session=session.id, expires_at=session.expires_at)
        self.end(ended)
        await self.tell(ended)
        await exchange.empty(204)

    def end(self, ended: SessionEnded) -> None:
        """Refuse a session from now on, and end its stream."""
        self.sessions.end(ended.session, ended.expires_at)
        self.streams.changes.end(ended.session)

    async def post(
        self, exchange: Exchange, identity: Identity, served: Served, value: object, body: bytes
    ) -> None:
        """Answer one POST whose body holds `value`."""
        message = message_of(value, body)
        if message and message.method == "initialize" and message.id:
            await self._initialize(exchange, identity, served, message, message.id)
            return
        session = self._session(exchange, identity, served)
        caller = Caller(identity, served, session.version, session.client)
        if isinstance(value, list) and session.version == _OLDEST:
            await self._batch(exchange, caller, session, cast("list[object]", value), body)
        elif message is None:
            error = RpcError(INVALID_REQUEST, "The body must be one JSON-RPC message.")
            await exchange.answer(400, failure(None, error))
        elif message.id is None or not message.method:
            self._notified(session, message)
            await exchange.empty(202)
        else:
            await self._single(exchange, caller, session, message, message.id)

    async def _initialize(
        self, exchange: Exchange, identity: Identity, served: Served, message: Message, identifier: bytes
    ) -> None:
        asked = message.params.get("protocolVersion")
        if not isinstance(asked, str):
            error = RpcError(INVALID_PARAMS, "params.protocolVersion must be a text.")
            await exchange.answer(200, failure(identifier, error))
            return
        version = asked if asked in LEGACY else _NEWEST
        client = client_name(message.params.get("clientInfo"))
        # 2024-11-05 over this transport is what 2025-03-26 is.
        session = self.sessions.open(identity.principal, served.endpoint.path, max(version, _OLDEST), client)
        text = instructions(self.calls.endpoints, identity.principal, served)
        value = (
            b'{"protocolVersion":"%b","capabilities":{"tools":{"listChanged":true}},'
            b'"serverInfo":%b,"instructions":%b}'
            % (version.encode(), self.calls.server, msgspec.json.encode(text))
        )
        headers = ((b"mcp-session-id", session.encode()),)
        await exchange.answer(200, result(identifier, value), headers=headers)

    async def _single(
        self, exchange: Exchange, caller: Caller, session: Session, message: Message, identifier: bytes
    ) -> None:
        if message.method != "tools/call":
            await exchange.answer(200, await self._answered(exchange, caller, message, identifier))
            return
        key = (session.id, identifier)
        task = self.calls.start(self._answered(exchange, caller, message, identifier))
        self.under_way[key] = task
        try:
            answer = await wait_for(exchange, task, gone_ends=False, keep_alive=self.calls.keep_alive)
        except asyncio.CancelledError:
            if not task.cancelled():
                raise
            # The client cancelled it and expects no response.
            await (exchange.send(b"", last=True) if exchange.streaming else exchange.empty(202))
            return
        finally:
            if self.under_way.get(key) is task:
                del self.under_way[key]
        await exchange.answer(200, answer)

    def _notified(self, session: Session, message: Message) -> None:
        if message.method != "notifications/cancelled":
            return
        identifier = id_text(message.params.get("requestId"))
        task = self.under_way.get((session.id, identifier)) if identifier else None
        if task and task in self.calls.reading:
            task.cancel()

    async def _batch(
        self, exchange: Exchange, caller: Caller, session: Session, values: list[object], body: bytes
    ) -> None:
        if not 0 < len(values) <= _BATCH_MAX:
            error = RpcError(INVALID_REQUEST, f"A batch holds 1 to {_BATCH_MAX} messages.")
            await exchange.answer(400, failure(None, error))
            return
        try:
            parts = msgspec.json.decode(body, type=list[msgspec.Raw])
        except msgspec.MsgspecError as error:
            raise RefusedError(
                400, "invalid_request", "The body holds text that is not valid Unicode."
            ) from error
        messages = [message_of(value, bytes(part)) for value, part in zip(values, parts, strict=True)]
        answers = await asyncio.gather(*(self._one_of_batch(exchange, caller, session, m) for m in messages))
        found = [answer for answer in answers if answer is not None]
        await (exchange.answer(200, b"[" + b",".join(found) + b"]") if found else exchange.empty(202))

    async def _one_of_batch(
        self, exchange: Exchange, caller: Caller, session: Session, message: Message | None
    ) -> bytes | None:
        if message is None or message.method == "initialize":
            return failure(None, RpcError(INVALID_REQUEST, "Not a JSON-RPC message that a batch may hold."))
        if message.id is None or not message.method:
            self._notified(session, message)
            return None
        return await self.calls.start(self._answered(exchange, caller, message, message.id))

    async def _answered(
        self, exchange: Exchange, caller: Caller, message: Message, identifier: bytes
    ) -> bytes:
        try:
            return result(identifier, await self._result(exchange, caller, message))
        except RpcError as error:
            if error.code == TOO_MANY:
                return result(identifier, self.calls.refused(caller, error))
            return failure(identifier, error)
        except NotAuthenticatedError:
            raise
        except ExecutorError as error:
            return failure(identifier, rpc_error(error))

    async def _result(self, exchange: Exchange, caller: Caller, message: Message) -> bytes:
        match message.method:
            case "tools/call":
                wanted = self.calls.wanted(caller, message, exchange)
                return await self.calls.perform(caller, wanted)
            case "tools/list":
                page = await self.calls.list_tools(
                    caller.identity, caller.served, caller.version, cursor_of(message.params)
                )
                after = b"" if page.next is None else b',"nextCursor":' + msgspec.json.encode(page.next)
                return b'{"tools":' + page.tools + after + b"}"
            case "ping":
                return b"{}"
            case _:
                raise RpcError(METHOD_NOT_FOUND, f"Method not found: {message.method[:128]}")
