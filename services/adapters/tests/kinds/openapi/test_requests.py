"""What arrives at the API, byte for byte, and what never does."""

import base64
from typing import Any

import pytest
from services.adapters.tests.kinds.at_work import leased, shown
from services.adapters.tests.kinds.openapi.describing import Json, OpenApi, body_of, one, parameter
from services.adapters.tests.kinds.openapi.recording import Recording

from executor_shared.contracts.vault_broker import Injection, LeasedCredential
from executor_shared.errors import Code, ExecutorError, InvalidRequestError, UpstreamError

ARRAY = {"type": "array", "items": {"type": "string"}}
OBJECT = {"type": "object"}
LIST, MAP = ["blue", "black"], {"R": 100, "G": 200}


@pytest.mark.parametrize(
    ("more", "schema", "value", "query"),
    [
        ({}, ARRAY, LIST, "color=blue&color=black"),
        ({"explode": False}, ARRAY, LIST, "color=blue,black"),
        ({"style": "spaceDelimited"}, ARRAY, LIST, "color=blue%20black"),
        ({"style": "pipeDelimited"}, ARRAY, LIST, "color=blue%7Cblack"),
        ({}, OBJECT, MAP, "R=100&G=200"),
        ({"explode": False}, OBJECT, MAP, "color=R,100,G,200"),
        ({"style": "deepObject", "explode": True}, OBJECT, MAP, "color%5BR%5D=100&color%5BG%5D=200"),
        ({"allowReserved": True}, {}, "a/b?c:d", "color=a/b?c:d"),
        ({"allowReserved": True}, {}, "a&b=c#d%", "color=a%26b%3Dc%23d%25"),
        ({}, {}, "a&b=c d+é", "color=a%26b%3Dc%20d%2B%C3%A9"),
        ({}, {"type": "boolean"}, True, "color=true"),
        ({}, {"type": "integer"}, 7, "color=7"),
        ({}, {}, "", "color="),
        ({}, ARRAY, [], ""),
    ],
    ids=str,
)  # fmt: skip
async def test_query_parameters_are_written_in_their_style(
    more: Json, schema: Json, value: object, query: str, openapi: OpenApi, upstream: Recording
) -> None:
    work = openapi(one("/x", "get", parameter("color", schema=schema, **more), server=upstream.url))
    await work.call("do.it", {"color": value})
    assert upstream.last.target == "/x" + (f"?{query}" if query else "")


async def test_a_parameter_described_by_content_is_json(openapi: OpenApi, upstream: Recording) -> None:
    given = {"name": "q", "in": "query", "content": {"application/json": {"schema": OBJECT}}}
    work = openapi(one("/x", "get", given, server=upstream.url))
    await work.call("do.it", {"q": {"a": [1]}})
    assert upstream.last.target == "/x?q=%7B%22a%22%3A%5B1%5D%7D"


@pytest.mark.parametrize(
    ("more", "schema", "value", "path"),
    [
        ({}, {}, "blue", "/x/blue/y"),
        ({}, {}, "a b+é", "/x/a%20b%2B%C3%A9/y"),
        ({}, {"type": "integer"}, 5, "/x/5/y"),
        ({}, ARRAY, LIST, "/x/blue,black/y"),
        ({}, OBJECT, MAP, "/x/R,100,G,200/y"),
        ({"explode": True}, OBJECT, MAP, "/x/R=100,G=200/y"),
        ({"style": "label"}, {}, "blue", "/x/.blue/y"),
        ({"style": "matrix"}, {}, "blue", "/x/;color=blue/y"),
        ({"x-multi-segment": True}, {}, "src/main é.py", "/x/src/main%20%C3%A9.py/y"),
    ],
    ids=str,
)
async def test_path_parameters_are_written_in_their_style(
    more: Json, schema: Json, value: object, path: str, openapi: OpenApi, upstream: Recording
) -> None:
    given = parameter("color", "path", schema, **more)
    work = openapi(one("/x/{color}/y", "get", given, server=f"{upstream.url}/base"))
    await work.call("do.it", {"color": value})
    assert upstream.last.target == f"/base{path}"


@pytest.mark.parametrize(
    "value",
    [
        ".", "..", "../admin", "a/b", "/etc", "a\\b", "%2e%2e", "%2F", "a?x=1", "a#b", "a;b", "a\r\nX: y", "\x00",
        "", "\u2028", "//evil.example", "..\\..", [], {}, [".."], {"..": ".."}, ["a", "b/c"],
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("style", ["simple", "label", "matrix"])
async def test_a_path_value_cannot_leave_its_segment(
    value: object, style: str, openapi: OpenApi, upstream: Recording
) -> None:
    work = openapi(one("/users/{id}", "get", parameter("id", "path", {}, style=style), server=upstream.url))
    with pytest.raises(InvalidRequestError) as caught:
        await work.call("do.it", {"id": value})
    assert caught.value.code is Code.INVALID_TOOL_ARGUMENTS
    assert caught.value.details["field"] == "id"
    assert upstream.arrived == []


@pytest.mark.parametrize(
    "value", ["../x", "a/../b", "a//b", "/a", "a/", "a/./b", "a/%2e%2e/b", "a?b", "a\\..\\b"]
)
async def test_a_value_of_many_segments_cannot_climb_either(
    value: str, openapi: OpenApi, upstream: Recording
) -> None:
    more: Json = {"x-multi-segment": True}
    given = parameter("path", "path", **more)
    work = openapi(one("/files/{path}", "get", given, server=upstream.url))
    with pytest.raises(InvalidRequestError):
        await work.call("do.it", {"path": value})
    assert upstream.arrived == []


async def test_two_values_together_cannot_climb(openapi: OpenApi, upstream: Recording) -> None:
    given = (parameter("name", "path"), parameter("end", "path"))
    work = openapi(one("/files/{name}{end}", "get", *given, server=upstream.url))
    with pytest.raises(ExecutorError):
        await work.call("do.it", {"name": ".", "end": "."})
    assert upstream.arrived == []


async def test_a_missing_part_of_the_path_is_named(openapi: OpenApi, upstream: Recording) -> None:
    work = openapi(one("/users/{id}", "get", parameter("id", "path"), server=upstream.url))
    with pytest.raises(InvalidRequestError, match="id"):
        await work.call("do.it", {})
    assert upstream.arrived == []


async def test_headers_and_cookies_are_written(openapi: OpenApi, upstream: Recording) -> None:
    given = (
        parameter("X-Ids", "header", ARRAY),
        parameter("X-Map", "header", OBJECT, explode=True),
        parameter("session", "cookie"),
    )
    work = openapi(one("/x", "get", *given, server=upstream.url), credential=leased("k", "kept", "cookie"))
    await work.call("do.it", {"X-Ids": LIST, "X-Map": MAP, "session": "a;b c"})
    last = upstream.last
    assert (last.header("X-Ids"), last.header("X-Map")) == ("blue,black", "R=100,G=200")
    assert last.header("Cookie") == "session=a%3Bb%20c; kept=k"


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "\x00", "é", " lead", "trail ", "\x7f"], ids=repr)
async def test_a_header_value_cannot_begin_another_header(
    value: str, openapi: OpenApi, upstream: Recording
) -> None:
    work = openapi(one("/x", "get", parameter("X-A", "header"), server=upstream.url))
    with pytest.raises(InvalidRequestError):
        await work.call("do.it", {"X-A": value})
    assert upstream.arrived == []


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "HOST",
        "cookie",
        "Content-Length",
        "Transfer-Encoding",
        "X-Forwarded-For",
        "X-Api-Key",
    ],
)
async def test_headers_of_connection_and_credential_are_never_arguments(
    name: str, openapi: OpenApi, upstream: Recording
) -> None:
    scheme = {"key": {"type": "apiKey", "in": "header", "name": "x-api-key"}}
    description = one(
        "/x", "get", parameter(name, "header"), server=upstream.url, components={"securitySchemes": scheme}
    )
    work = openapi(description, credential=leased("secret", "X-Api-Key"))
    await work.discover()
    assert shown(work.tool("do.it").definition)["inputSchema"]["properties"] == {}
    with pytest.raises(InvalidRequestError, match="no such argument"):
        await work.call("do.it", {name: "evil"})
    assert upstream.arrived == []
    await work.call("do.it")
    assert upstream.last.header("X-Api-Key") == "secret"


async def test_an_object_in_the_query_cannot_pose_as_the_credential(
    openapi: OpenApi, upstream: Recording
) -> None:
    description = one("/x", "get", parameter("filter", schema=OBJECT), server=upstream.url)
    work = openapi(description, credential=leased("secret", "api_key", "query"))
    for name in ("api_key", "API_KEY"):
        with pytest.raises(InvalidRequestError, match="credential"):
            await work.call("do.it", {"filter": {name: "mine"}})
    assert upstream.arrived == []
    await work.call("do.it", {"filter": {"a": 1}})
    assert upstream.last.target == "/x?a=1&api_key=secret"


async def test_several_values_of_a_credential_go_each_to_its_place(
    openapi: OpenApi, upstream: Recording
) -> None:
    credential = LeasedCredential(
        injections=(
            Injection(carrier="header", name="X-Email", value="me@example.com"),
            Injection(carrier="query", name="key", value="a&b"),
            Injection(carrier="cookie", name="sid", value="c1"),
        ),
        secrets=("a&b",),
        expires_at=4e9,
    )
    work = openapi(one("/x", "get", server=upstream.url), credential=credential)
    await work.call("do.it")
    last = upstream.last
    assert (last.target, last.header("X-Email"), last.header("Cookie")) == (
        "/x?key=a%26b",
        "me@example.com",
        "sid=c1",
    )


@pytest.mark.parametrize(
    ("kind", "arguments", "sent_kind", "sent"),
    [
        ("application/json", {"body": {"a": 1}}, "application/json", b'{"a":1}'),
        ("application/vnd.api+json", {"body": [1]}, "application/vnd.api+json", b"[1]"),
        ("application/x-www-form-urlencoded", {"body": {"a": "x y&", "b": [1, True]}},
         "application/x-www-form-urlencoded", b"a=x+y%26&b=1&b=true"),
        ("text/plain", {"body": "Grüße"}, "text/plain", "Grüße".encode()),
        ("application/octet-stream", {"bodyBase64": base64.b64encode(b"\x00\xff").decode()},
         "application/octet-stream", b"\x00\xff"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
async def test_bodies_are_written_as_their_media_type(
    kind: str, arguments: dict[str, Any], sent_kind: str, sent: bytes, openapi: OpenApi, upstream: Recording
) -> None:
    work = openapi(one("/x", "post", server=upstream.url, requestBody=body_of({}, kind)))
    await work.call("do.it", arguments)
    last = upstream.last
    assert (last.method, last.header("Content-Type"), last.body) == ("POST", sent_kind, sent)


async def test_a_json_body_is_sent_as_it_was_granted(openapi: OpenApi, upstream: Recording) -> None:
    work = openapi(one("/x", "post", server=upstream.url, requestBody=body_of({})))
    await work.call("do.it", {"body": {"big": 2**53 - 1, "null": None, "text": "\u2028é", "float": 1.50}})
    assert upstream.last.body == '{"big":9007199254740991,"null":null,"text":"\u2028é","float":1.5}'.encode()


async def test_a_form_with_files_is_multipart(openapi: OpenApi, upstream: Recording) -> None:
    schema = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}, "note": {}}}
    work = openapi(one("/x", "post", server=upstream.url, requestBody=body_of(schema, "multipart/form-data")))
    await work.call("do.it", {"body": {"file": base64.b64encode(b"\x01\x02").decode(), 'no"te\r\n': "hi"}})
    last = upstream.last
    kind = last.header("Content-Type") or ""
    boundary = kind.partition("boundary=")[2].encode()
    parts = last.body.split(b"--" + boundary)
    assert kind.startswith("multipart/form-data; boundary=")
    assert (len(parts), parts[-1]) == (4, b"--\r\n")
    assert b'name="file"; filename="file"' in parts[1]
    assert parts[1].endswith(b"\r\n\r\n\x01\x02\r\n")
    assert parts[2] == b'\r\nContent-Disposition: form-data; name="no%22te"\r\n\r\nhi\r\n'


async def test_the_agent_chooses_among_media_types_of_the_description(
    openapi: OpenApi, upstream: Recording
) -> None:
    content = {"text/plain": {"schema": {"type": "string"}}, "application/json": {"schema": {}}}
    work = openapi(one("/x", "put", server=upstream.url, requestBody={"content": content}))
    await work.discover()
    assert shown(work.tool("do.it").definition)["inputSchema"]["properties"]["contentType"]["enum"] == [
        "application/json",
        "text/plain",
    ]
    await work.call("do.it", {"body": "hi", "contentType": "text/plain"})
    assert (upstream.last.header("Content-Type"), upstream.last.body) == ("text/plain", b"hi")
    with pytest.raises(InvalidRequestError, match="accepted"):
        await work.call("do.it", {"body": "hi", "contentType": "text/html\r\nX: y"})
    with pytest.raises(InvalidRequestError, match="contentType"):
        await work.call("do.it", {"body": "hi", "contentType": ["text/plain"]})


@pytest.mark.parametrize("arguments", [{"bodyBase64": "not base64!"}, {"bodyBase64": 5}])
async def test_bytes_that_are_no_base64_are_refused(
    arguments: dict[str, Any], openapi: OpenApi, upstream: Recording
) -> None:
    work = openapi(one("/x", "post", server=upstream.url, requestBody=body_of({}, "image/png")))
    with pytest.raises(InvalidRequestError, match="base64"):
        await work.call("do.it", arguments)
    assert upstream.arrived == []


@pytest.mark.parametrize("method", ["get", "put", "post", "delete", "patch", "options", "head"])
async def test_the_method_is_that_of_the_description(
    method: str, openapi: OpenApi, upstream: Recording
) -> None:
    work = openapi(one("/x", method, server=upstream.url))
    executed = await work.call("do.it")
    assert (upstream.last.method, executed.outcome, executed.status) == (method.upper(), "ok", 200)


async def test_an_unknown_argument_names_the_known_ones(openapi: OpenApi, upstream: Recording) -> None:
    work = openapi(one("/x", "get", parameter("known"), server=upstream.url))
    with pytest.raises(InvalidRequestError, match="accepted: known"):
        await work.call("do.it", {"server": {"variables": {"port": "9102"}}})
    assert upstream.arrived == []


async def test_nobody_listening_means_that_nothing_was_sent(openapi: OpenApi) -> None:
    work = openapi(one("/x", "post", server="http://127.0.0.1:1"))
    with pytest.raises(UpstreamError) as caught:
        await work.call("do.it")
    assert caught.value.sent is False


async def test_an_api_that_does_not_answer_may_have_acted(openapi: OpenApi, upstream: Recording) -> None:
    upstream.answering = False
    work = openapi(one("/x", "post", server=upstream.url), seconds=0.5)
    with pytest.raises(UpstreamError) as caught:
        await work.call("do.it")
    assert (caught.value.code, caught.value.sent) == (Code.UPSTREAM_TIMEOUT, True)
