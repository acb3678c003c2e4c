"""The ASGI application for MCP: the order of the checks, from the host name to the message."""

import re
from dataclasses import dataclass

import structlog

from executor_gateway.domain.endpoint import Endpoints, Served, endpoint_of
from executor_gateway.domain.identify import Identify, Identity
from executor_gateway.mcp.calls import Caller
from executor_gateway.mcp.exchange import Exchange, GoneError, Receive, RefusedError, Scope, Send
from executor_gateway.mcp.front import Front
from executor_gateway.mcp.inbound import LEGACY, VERSION_KEY
from executor_gateway.mcp.jsonrpc import (
    INTERNAL_ERROR,
    PARSE_ERROR,
    NotJsonError,
    RpcError,
    failure,
    parse,
)
from executor_gateway.mcp.legacy import Legacy
from executor_gateway.mcp.metadata import WELL_KNOWN, Metadata
from executor_gateway.mcp.modern import Modern
from executor_shared.errors import ExecutorError, NotAuthenticatedError
from executor_shared.ids import new_id

_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.gateway.mcp")
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,4096}")
_NO_TOKEN = "A bearer token is needed: send it as Authorization: Bearer …"  # noqa: S105 - no token
_BAD_TOKEN = "The access token is not valid"  # noqa: S105 - no token


def _names_modern(value: object) -> bool:
    params = value.get("params") if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType] - any JSON
    meta = params.get("_meta") if isinstance(params, dict) else None  # pyright: ignore[reportUnknownMemberType] - any JSON
    return isinstance(meta, dict) and VERSION_KEY in meta


@dataclass(frozen=True, slots=True)
class Mcp:
    """Serves every MCP endpoint and its metadata.

    Attributes:
        body_limit: bytes of a request body.

    """

    front: Front
    metadata: Metadata
    identify: Identify
    endpoints: Endpoints
    modern: Modern
    legacy: Legacy
    body_limit: int = 4 * 1024 * 1024

    @staticmethod
    def handles(path: str) -> bool:
        """Whether a path is ours."""
        return path == "/mcp" or path.startswith(("/mcp/", WELL_KNOWN))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        exchange = Exchange(scope, receive, send)
        try:
            await self._serve(exchange)
        except GoneError:
            return
        except RefusedError as error:
            await self._refuse(exchange, error)
        except NotAuthenticatedError:
            await self._refuse(exchange, self._unauthenticated(exchange, _BAD_TOKEN))
        except Exception:
            mark = new_id("err")
            _log.exception("request.failed", error_id=mark)
            if exchange.started:
                raise
            error = RpcError(INTERNAL_ERROR, f"Something unexpected happened ({mark}).")
            await exchange.answer(200, failure(None, error))

    @staticmethod
    async def _refuse(exchange: Exchange, error: RefusedError) -> None:
        if exchange.started:  # a stream can only be ended
            await exchange.send(b"", last=True)
        else:
            await exchange.refuse(error)

    async def _serve(self, exchange: Exchange) -> None:
        self.front.check_host(exchange)
        if exchange.path.startswith(WELL_KNOWN):
            await self.metadata.serve(exchange)
            return
        self.front.check_origin(exchange)
        if self.front.is_preflight(exchange):
            await self.front.preflight(exchange)
            return
        token = self._token(exchange)
        identity = await self._identified(exchange, token)
        endpoint = endpoint_of(exchange.path)
        served = endpoint and self.endpoints.serve(identity.principal, endpoint)
        if served is None:
            raise RefusedError(404, "not_found", "There is no such MCP endpoint.")
        await self._method(exchange, identity, served, token)

    def _token(self, exchange: Exchange) -> str:
        scheme, _, token = (exchange.header(b"authorization") or "").partition(" ")
        if scheme.lower() != "bearer":
            raise self._unauthenticated(exchange, None)
        token = token.strip(" ")
        if exchange.repeats(b"authorization") or not _TOKEN.fullmatch(token):
            raise self._unauthenticated(exchange, _BAD_TOKEN)
        return token

    def _unauthenticated(self, exchange: Exchange, error: str | None) -> RefusedError:
        challenge = self.metadata.challenge(exchange.path, error)
        return RefusedError(401, "not_authenticated", error or _NO_TOKEN, ((b"www-authenticate", challenge),))

    async def _identified(self, exchange: Exchange, token: str) -> Identity:
        try:
            return await self.identify(token)
        except NotAuthenticatedError as error:
            raise self._unauthenticated(exchange, _BAD_TOKEN) from error
        except ExecutorError as error:
            message = "Who you are cannot be checked now; nothing was done. Try again in a moment."
            raise RefusedError(503, str(error.code), message, ((b"retry-after", b"1"),)) from error

    async def _method(self, exchange: Exchange, identity: Identity, served: Served, token: str) -> None:
        version = exchange.header(b"mcp-protocol-version")
        modern = version is not None and version not in LEGACY
        match exchange.method:
            case "POST":
                await self._post(exchange, identity, served, token, modern=modern)
            case "GET" if not modern:
                await self.legacy.get(exchange, identity, served, token)
            case "DELETE" if not modern:
                await self.legacy.delete(exchange, identity, served)
            case _:
                allow = b"POST" if modern else b"POST, GET, DELETE"
                raise RefusedError(
                    405, "invalid_request", "Not served with this method.", ((b"allow", allow),)
                )

    async def _post(
        self, exchange: Exchange, identity: Identity, served: Served, token: str, *, modern: bool
    ) -> None:
        kind = (exchange.header(b"content-type") or "").partition(";")[0].strip().lower()
        coding = (exchange.header(b"content-encoding") or "identity").lower()
        if kind != "application/json" or coding != "identity":
            raise RefusedError(415, "invalid_request", "The body must be application/json, not compressed.")
        if not exchange.accepts("application/json") and not exchange.accepts("text/event-stream"):
            raise RefusedError(406, "invalid_request", "Accept application/json or text/event-stream.")
        body = await exchange.body(self.body_limit)
        try:
            value = parse(body)
        except NotJsonError as error:
            await exchange.answer(400, failure(None, RpcError(PARSE_ERROR, f"Parse error: {error}.")))
            return
        if modern or (_names_modern(value) and not _initializes(value)):
            await self.modern.post(exchange, Caller(identity, served, ""), token, value, body)
        else:
            await self.legacy.post(exchange, identity, served, value, body)


def _initializes(value: object) -> bool:
    return isinstance(value, dict) and value.get("method") == "initialize"  # pyright: ignore[reportUnknownMemberType] - any JSON
