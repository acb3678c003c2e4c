"""From an API's response to the one truthful outcome of a call."""

import base64
from http import HTTPStatus

import msgspec

from executor_adapters.domain.ports import Incoming
from executor_adapters.kinds.openapi.bodies import is_json, is_text
from executor_shared.contracts.adapters import Executed
from executor_shared.errors import Code

_AUTHENTICATION = frozenset({401, 403, 407})
_GATEWAY_FAILURES = frozenset({502, 504})
_SUCCESS = range(200, 300)
_REDIRECTS = range(300, 400)
_EXCERPT = 2_000
_SHOWN = frozenset({
    "content-type", "etag", "last-modified", "link", "location", "retry-after", "x-total-count", "x-request-id",
    "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "x-ratelimit-limit", "x-ratelimit-remaining",
    "x-ratelimit-reset", "x-next-page", "x-page", "x-per-page", "x-total", "x-total-pages",
})  # fmt: skip
_MAX_HEADER = 2_000


def executed(incoming: Incoming) -> Executed:
    """What a response means; the body is passed on with status and useful headers beside it."""
    status = incoming.status
    if status in _SUCCESS:
        return Executed(outcome="ok", result=_result(incoming), status=status)
    excerpt = _excerpt(incoming)
    result = msgspec.Raw(
        msgspec.json.encode(
            {"content": [_text(_words(status, excerpt))], "isError": True, "_meta": _meta(incoming)}
        )
    )
    code = Code.CONNECTION_REJECTED if status in _AUTHENTICATION else Code.UPSTREAM_HTTP_ERROR
    outcome = "unknown" if status in _GATEWAY_FAILURES else "tool_error"
    return Executed(outcome=outcome, result=result, code=code, message=_words(status, excerpt), status=status)


def _words(status: int, excerpt: str) -> str:
    try:
        phrase = f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = f"HTTP {status}"
    if status in _AUTHENTICATION:
        head = f"The API refused the connection's credential or its rights ({phrase})."
    elif status in _REDIRECTS:
        head = f"The API answered with a redirect ({phrase}), which is never followed. Configure its real address."
    elif status in _GATEWAY_FAILURES:
        head = f"A gateway before the API failed ({phrase}); the operation may have run."
    else:
        head = f"The API answered with {phrase}."
    return f"{head}\n{excerpt}" if excerpt else head


def _excerpt(incoming: Incoming) -> str:
    kind = incoming.header("content-type") or ""
    if not incoming.body or not (is_json(kind) or is_text(kind)):
        return ""
    text = incoming.body[: 4 * _EXCERPT].decode(errors="replace")[:_EXCERPT]
    return "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")


def _meta(incoming: Incoming) -> dict[str, object]:
    headers = {
        name: value[:_MAX_HEADER].encode(errors="replace").decode()
        for name, value in incoming.headers
        if name in _SHOWN
    }
    return {"executor/http": {"status": incoming.status, "headers": headers}}


def _text(text: str) -> dict[str, object]:
    return {"type": "text", "text": text}


def _result(incoming: Incoming) -> msgspec.Raw:
    kind = (incoming.header("content-type") or "").strip()
    body = incoming.body
    meta = _meta(incoming)
    if not body:
        return _packed([_text(f"HTTP {incoming.status}, without a body.")], meta)
    if is_json(kind) and (parsed := _json(body)) is not None:
        return _packed([_text(body.decode())], meta, structured=parsed)
    if _lines(kind) and (items := _ndjson(body)) is not None:
        return _packed([_text(body.decode())], meta, structured=items)
    if is_text(kind) or is_json(kind) or _lines(kind) or not kind:
        return _packed([_text(body.decode(errors="replace"))], meta)
    return _packed([_binary(kind, body)], meta)


def _packed(
    content: list[dict[str, object]], meta: dict[str, object], *, structured: msgspec.Raw | None = None
) -> msgspec.Raw:
    result: dict[str, object] = {"content": content}
    if structured is not None:
        result["structuredContent"] = structured
    result["_meta"] = meta
    return msgspec.Raw(msgspec.json.encode(result))


def _json(body: bytes) -> msgspec.Raw | None:
    """The body as it stands, if it is JSON of ordinary depth."""
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return msgspec.Raw(body)


def _lines(kind: str) -> bool:
    plain = kind.partition(";")[0].strip().lower()
    return plain in {
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
    }


def _ndjson(body: bytes) -> msgspec.Raw | None:
    lines = [line for line in body.splitlines() if line.strip()]
    return _json(b"[" + b",".join(lines) + b"]")


def _binary(kind: str, body: bytes) -> dict[str, object]:
    plain = kind.partition(";")[0].strip().lower()
    data = base64.b64encode(body).decode()
    family = plain.partition("/")[0]
    if family in {"image", "audio"}:
        return {"type": family, "data": data, "mimeType": plain}
    resource = {"uri": "executor:response", "mimeType": plain, "blob": data}
    return {"type": "resource", "resource": resource}
