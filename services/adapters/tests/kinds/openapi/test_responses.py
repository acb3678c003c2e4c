"""What an API answers, and what the agent is told of it."""

import base64
from typing import Any

import pytest
from services.adapters.tests.kinds.at_work import leased, shown
from services.adapters.tests.kinds.openapi.describing import OpenApi, one
from services.adapters.tests.kinds.openapi.recording import Recording

from executor_shared.contracts.adapters import Executed
from executor_shared.errors import Code, UpstreamError


async def answered(
    openapi: OpenApi, upstream: Recording, method: str = "get", **limits: Any
) -> tuple[Executed, dict[str, Any]]:
    work = openapi(one("/x", method, server=upstream.url), credential=leased("k", "X-Key"))
    executed = await work.call("do.it", **limits)
    return executed, shown(executed.result)


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "application/hal+json"]
)
@pytest.mark.parametrize("body", [b'{"a": [1, null]}', b"[1,\n 2]", b"3", b"null", b'"text"'], ids=repr)
async def test_json_comes_as_structure_and_text(
    kind: str, body: bytes, openapi: OpenApi, upstream: Recording
) -> None:
    upstream.answer(body, kind)
    executed, result = await answered(openapi, upstream)
    assert (executed.outcome, executed.status, "isError" in result) == ("ok", 200, False)
    assert result["content"] == [{"type": "text", "text": body.decode()}]
    assert result["structuredContent"] == shown_json(body)


def shown_json(body: bytes) -> object:
    return {b"3": 3, b"null": None, b'"text"': "text", b"[1,\n 2]": [1, 2]}.get(body, {"a": [1, None]})


async def test_lines_of_json_become_a_list(openapi: OpenApi, upstream: Recording) -> None:
    upstream.answer(b'{"a": 1}\n\n{"a": 2}\n', "application/x-ndjson")
    _, result = await answered(openapi, upstream)
    assert result["structuredContent"] == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (b"hello", "text/plain", "hello"),
        (b"<a/>", "application/xml", "<a/>"),
        ("Grüße".encode("latin-1"), "text/plain; charset=latin-1", "Gr\ufffd\ufffde"),
        (b"{not json", "application/json", "{not json"),
        (b"[" * 100_000, "application/json", "[" * 100_000),
        (b'{"a": "\xff"}', "application/json", '{"a": "\ufffd"}'),
        (b"", "application/json", "HTTP 200, without a body."),
    ],
    ids=["text", "xml", "latin", "broken", "deep", "bytes", "empty"],
)
async def test_what_is_not_json_comes_as_text(
    body: bytes, kind: str, text: str, openapi: OpenApi, upstream: Recording
) -> None:
    upstream.answer(body, kind)
    executed, result = await answered(openapi, upstream)
    assert executed.outcome == "ok"
    assert (result["content"], "structuredContent" in result) == ([{"type": "text", "text": text}], False)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("image/png", {"type": "image", "mimeType": "image/png", "data": base64.b64encode(b"\x00\xff").decode()}),
        ("audio/wav", {"type": "audio", "mimeType": "audio/wav", "data": base64.b64encode(b"\x00\xff").decode()}),
        ("application/pdf", {"type": "resource", "resource": {
            "uri": "executor:response", "mimeType": "application/pdf",
            "blob": base64.b64encode(b"\x00\xff").decode()}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
async def test_bytes_come_as_base64(
    kind: str, content: dict[str, object], openapi: OpenApi, upstream: Recording
) -> None:
    upstream.answer(b"\x00\xff", kind)
    _, result = await answered(openapi, upstream)
    assert result["content"] == [content]


async def test_status_and_useful_headers_come_beside_the_answer(
    openapi: OpenApi, upstream: Recording
) -> None:
    upstream.answer(
        b"{}", status=201, Location="/x/1", Set_Cookie="sid=secret", Link="\xff<next>", X_Other="no"
    )
    executed, result = await answered(openapi, upstream, "post")
    http = result["_meta"]["executor/http"]
    assert (executed.status, http["status"], http["headers"]["location"]) == (201, 201, "/x/1")
    assert {"set-cookie", "x-other"}.isdisjoint(http["headers"])
    assert http["headers"]["link"].endswith("<next>")


@pytest.mark.parametrize(
    ("status", "outcome", "code", "says"),
    [
        (400, "tool_error", Code.UPSTREAM_HTTP_ERROR, "HTTP 400 Bad Request"),
        (401, "tool_error", Code.CONNECTION_REJECTED, "credential"),
        (403, "tool_error", Code.CONNECTION_REJECTED, "credential"),
        (404, "tool_error", Code.UPSTREAM_HTTP_ERROR, "HTTP 404 Not Found"),
        (429, "tool_error", Code.UPSTREAM_HTTP_ERROR, "HTTP 429"),
        (500, "tool_error", Code.UPSTREAM_HTTP_ERROR, "HTTP 500"),
        (502, "unknown", Code.UPSTREAM_HTTP_ERROR, "may have run"),
        (504, "unknown", Code.UPSTREAM_HTTP_ERROR, "may have run"),
        (302, "tool_error", Code.UPSTREAM_HTTP_ERROR, "never followed"),
        (799, "tool_error", Code.UPSTREAM_HTTP_ERROR, "HTTP 799"),
    ],
)
async def test_an_error_says_what_the_api_said(
    status: int, outcome: str, code: Code, says: str, openapi: OpenApi, upstream: Recording
) -> None:
    upstream.answer(b'{"why": "because"}' + b" " * 5000 + b"end", status=status)
    executed, result = await answered(openapi, upstream)
    assert (executed.outcome, executed.code, executed.status) == (outcome, code, status)
    assert result["isError"] is True
    text = result["content"][0]["text"]
    assert says in text
    assert "because" in text
    assert len(text) < 3000
    assert len(upstream.arrived) == 1


async def test_control_characters_of_an_error_are_not_passed_on(
    openapi: OpenApi, upstream: Recording
) -> None:
    upstream.answer(b"\x1b[31mred\x00\xe2\x80\xae", "text/plain", status=400)
    executed, _ = await answered(openapi, upstream)
    assert executed.message.endswith("[31mred")


async def test_an_answer_larger_than_the_bound_is_an_error(openapi: OpenApi, upstream: Recording) -> None:
    upstream.answer(b"x" * 5000, "text/plain")
    with pytest.raises(UpstreamError) as caught:
        await answered(openapi, upstream, max_bytes=4096)
    assert (caught.value.code, caught.value.sent) == (Code.UPSTREAM_RESPONSE_TOO_LARGE, True)
