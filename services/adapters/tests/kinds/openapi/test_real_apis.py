"""Descriptions and APIs that nobody here wrote."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpbin import app
from services.adapters.tests.kinds.at_work import leased, shown
from services.adapters.tests.kinds.openapi.describing import OpenApi, body_of, one, parameter
from services.adapters.tests.kinds.openapi.recording import Recording
from werkzeug.serving import make_server

from executor_adapters.domain.schema_limits import schema_problem

ROOT = Path(__file__).parents[5]
GITHUB = ROOT / "tests/upstreams/node/node_modules/@octokit/openapi/generated/api.github.com.json"


@pytest.fixture(scope="module")
def httpbin() -> Iterator[str]:
    """PyPI's httpbin on a free port."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


async def test_httpbin_understands_every_place_of_a_value(openapi: OpenApi, httpbin: str) -> None:
    form = {"type": "object", "properties": {"a": {"type": "string"}}}
    given = (
        parameter("path", "path"),
        parameter("tags", schema={"type": "array"}),
        parameter("X-Note", "header"),
        parameter("taste", "cookie"),
    )
    body = body_of(form, "application/x-www-form-urlencoded")
    work = openapi(
        one("/anything/{path}", "put", *given, server=httpbin, requestBody=body),
        credential=leased("Bearer abc"),
    )
    executed = await work.call(
        "do.it",
        {"path": "a b+c", "tags": ["x", "y&z"], "X-Note": "hi", "taste": "sweet", "body": {"a": "é &="}},
    )
    seen: dict[str, Any] = shown(executed.result)["structuredContent"]
    assert (seen["method"], seen["url"]) == ("PUT", f"{httpbin}/anything/a%20b+c?tags=x&tags=y%26z")
    assert (seen["args"], seen["form"]) == ({"tags": ["x", "y&z"]}, {"a": "é &="})
    assert (seen["headers"]["X-Note"], seen["headers"]["Cookie"]) == ("hi", "taste=sweet")
    assert seen["headers"]["Authorization"] == "Bearer abc"


@pytest.mark.parametrize(
    ("path", "kind"), [("/image/png", "image"), ("/bytes/16", "resource"), ("/html", "text")]
)
async def test_httpbin_answers_arrive_in_their_form(
    path: str, kind: str, openapi: OpenApi, httpbin: str
) -> None:
    executed = await openapi(one(path, server=httpbin)).call("do.it")
    assert [block["type"] for block in shown(executed.result)["content"]] == [kind]


async def test_httpbin_redirects_are_told_and_not_followed(openapi: OpenApi, httpbin: str) -> None:
    executed = await openapi(one("/redirect-to", "get", parameter("url"), server=httpbin)).call(
        "do.it", {"url": "http://169.254.169.254/"}
    )
    assert (executed.outcome, executed.status) == ("tool_error", 302)


@pytest.mark.skipif(not GITHUB.exists(), reason="npm upstreams are not installed: run scripts/test-upstreams")
async def test_githubs_description_is_imported_whole_and_fast(openapi: OpenApi, upstream: Recording) -> None:
    work = openapi(GITHUB.read_text(), config={"server": upstream.url})
    began = time.monotonic()
    found = await work.discover()
    assert time.monotonic() - began < 4
    assert len(found.tools) > 1000
    assert found.set_aside == {}
    for tool in found.tools:
        schema: dict[str, object] = shown(tool.definition)["inputSchema"]
        assert schema_problem(schema, len(bytes(tool.definition))) is None
    await work.call("repos.getContent", {"owner": "o", "repo": "r", "path": "src/main.py", "ref": "v1"})
    assert upstream.last.target.startswith("/repos/o/r/contents/src")
