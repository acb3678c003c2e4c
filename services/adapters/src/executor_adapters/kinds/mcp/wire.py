"""JSON-RPC as MCP uses it: what is sent and what comes back, with results left as raw JSON."""

from collections.abc import Mapping
from typing import cast

import msgspec
from msgspec import UNSET, Raw, UnsetType

from executor_shared.errors import Code, UpstreamError

METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
HEADER_MISMATCH = -32020
MISSING_CAPABILITY = -32021
UNSUPPORTED_VERSION = -32022

RpcId = int | str | None


class RpcError(msgspec.Struct, frozen=True):
    """The `error` of a JSON-RPC answer."""

    code: int
    message: str | None = ""
    data: Raw | UnsetType = UNSET  # of any form, null too


class Incoming(msgspec.Struct, frozen=True):
    """Any JSON-RPC message from an upstream; fields that we do not know are left alone."""

    id: int | str | float | UnsetType | None = UNSET
    method: str | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    error: RpcError | UnsetType = UNSET

    def answers(self, request: int) -> bool:
        """Whether this is the answer to our request of that number."""
        return self.method is UNSET and self.id == request

    def asks(self) -> bool:
        """Whether the upstream asks us something and waits for an answer."""
        return self.method is not UNSET and self.id is not UNSET


class Answer(msgspec.Struct, frozen=True):
    """How one request ended: a raw result or an error. `status` is the HTTP status, 0 over stdio."""

    result: Raw | None = None
    error: RpcError | None = None
    status: int = 0


_incoming = msgspec.json.Decoder(Incoming)
_incoming_batch = msgspec.json.Decoder(list[Incoming])


def encode(method: str, params: Mapping[str, object] | None, request: int | None = None) -> bytes:
    """A request, or a notification where it has no number."""
    message: dict[str, object] = {"jsonrpc": "2.0"}
    if request is not None:
        message["id"] = request
    message["method"] = method
    if params is not None:
        message["params"] = params
    return msgspec.json.encode(message)


def encode_reply(asked: Incoming) -> bytes:
    """Our answer to a request of the upstream: pings are answered, nothing else is offered.

    No client capability is ever declared, so an upstream that asks for more has misunderstood.
    """
    message: dict[str, object] = {"jsonrpc": "2.0", "id": None if asked.id is UNSET else asked.id}
    if asked.method == "ping":
        message["result"] = {}
    else:
        message["error"] = {
            "code": METHOD_NOT_FOUND,
            "message": f"This client does not offer {asked.method}.",
        }
    return msgspec.json.encode(message)


def decode(body: bytes) -> list[Incoming]:
    """The messages in a body: one, or several where an old server sends a batch.

    Raises:
        UpstreamError: not JSON-RPC in UTF-8; the request may have been carried out.

    """
    try:
        str(body, "utf-8")  # raw results are passed on unread, so their bytes are checked here
        if body.lstrip()[:1] == b"[":
            return _incoming_batch.decode(body)
        return [_incoming.decode(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid("something that is not a JSON-RPC message") from error


def answer_in(messages: list[Incoming], request: int, status: int = 0) -> Answer | None:
    """The answer to our request among these messages."""
    for message in messages:
        if message.answers(request):
            return to_answer(message, status)
    return None


def to_answer(message: Incoming, status: int = 0) -> Answer:
    """The outcome that an answering message carries.

    Raises:
        UpstreamError: it carries neither a result nor an error.

    """
    if message.error is not UNSET:
        return Answer(error=message.error, status=status)
    if message.result is not UNSET:
        return Answer(result=message.result, status=status)
    raise invalid("an answer with neither a result nor an error")


def invalid(what: str) -> UpstreamError:
    """An answer that cannot be understood, although the request had arrived."""
    return UpstreamError(f"The MCP server sent {what}.", code=Code.UPSTREAM_INVALID_RESPONSE, sent=True)


def as_object(raw: Raw | UnsetType | None) -> dict[str, object]:
    """A raw JSON object as a dictionary; empty where it is absent or something else."""
    try:
        value: object = msgspec.json.decode(raw) if isinstance(raw, Raw) else {}
    except (msgspec.DecodeError, RecursionError):
        return {}
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}
