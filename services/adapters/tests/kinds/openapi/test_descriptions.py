"""Descriptions that can be used, and those that cannot, each with its reason."""

import asyncio
import time
from typing import Any

import pytest
from services.adapters.tests.kinds.openapi.describing import (
    Json,
    OpenApi,
    body_of,
    described,
    inputs,
    one,
    parameter,
    text,
)
from services.adapters.tests.kinds.openapi.recording import Recording

from executor_shared.errors import Code, DescriptionInvalidError, InvalidRequestError, UpstreamError

YAML = """
openapi: 3.1.0
info: {title: Things, version: 1.0, description: Keeps things.}
servers: [{url: https://api.example.com/v1/}]
paths:
  /things/{id}:
    get:
      operationId: getThing
      parameters:
        - {name: since, in: query, schema: {type: string, enum: [2022-11-28, 2026-03-10], default: 2022-11-28}}
        - {name: answer, in: query, schema: {type: string, enum: [yes, no, on]}}
      responses: {200: {description: ok}}
"""


async def test_a_yaml_description_becomes_tools(openapi: OpenApi) -> None:
    found = await openapi(YAML).discover()
    assert (found.title, found.description, found.origin) == (
        "Things",
        "Keeps things.",
        "https://api.example.com:443",
    )
    assert [tool.own_name for tool in found.tools] == ["things.getThing"]
    properties = inputs(found, "things.getThing")["properties"]
    assert properties["since"] == {
        "type": "string",
        "enum": ["2022-11-28", "2026-03-10"],
        "default": "2022-11-28",
    }
    assert properties["answer"]["enum"] == ["yes", "no", "on"]


async def test_a_part_of_the_path_that_nobody_described_is_an_argument(openapi: OpenApi) -> None:
    schema = inputs(await openapi(YAML).discover(), "things.getThing")
    assert schema["required"] == ["id"]
    assert schema["additionalProperties"] is False


async def test_the_same_description_gives_the_same_definitions(openapi: OpenApi) -> None:
    description = one("/x/{id}", "post", parameter("id", "path"), requestBody=body_of({"type": "object"}))
    first, second = await openapi(description).discover(), await openapi(description).discover()
    assert first == second


LAUGHS = "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"b{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("", "not an object"),
        ("just words", "not an object"),
        ("[1, 2]", "not an object"),
        ('{"openapi": "3.1.0",\n "paths": {', "line 2|line 3"),
        ("openapi: 3.1.0\npaths:\n  - [", "line"),
        ("a:\n\t- b", "line 2"),
        ("!!python/object/apply:os.system ['true']", "line 1"),
        ('{"swagger": "2.0", "paths": {}}', "Convert it first"),
        ('{"openapi": "2.5.0", "paths": {"/x": {}}}', "3.0.x and 3.1.x"),
        ('{"paths": {"/x": {}}}', "3.0.x and 3.1.x"),
        ('{"openapi": "3.1.0"}', "no 'paths'"),
        ('{"openapi": "3.1.0", "paths": {}}', "no 'paths'"),
        (LAUGHS, "aliases"),
        ("a: &a [*a]", "contains itself"),
        ("[" * 100_000, "deeply|neither"),
        ("{a: " * 5_000, "deeply|neither"),
    ],
    ids=lambda value: value[:24],
)  # fmt: skip
async def test_what_cannot_be_used_says_why(source: str, says: str, openapi: OpenApi) -> None:
    began = time.monotonic()
    with pytest.raises(DescriptionInvalidError, match=says):
        await openapi(source).target()
    assert time.monotonic() - began < 5


async def test_fifty_megabytes_are_refused_at_once(openapi: OpenApi) -> None:
    began = time.monotonic()
    with pytest.raises(DescriptionInvalidError, match="52,428,800 bytes"):
        await openapi("x" * 50 * 1024 * 1024).target()
    assert time.monotonic() - began < 2


async def test_a_large_description_does_not_hold_up_others(openapi: OpenApi) -> None:
    operation = {"operationId": "it", "parameters": [parameter(f"p{n}") for n in range(30)]}
    work = openapi(described({f"/x{n}/{{id}}": {"get": operation} for n in range(1500)}))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.005)
            turns += 1

    watching = asyncio.create_task(others())
    found = await work.discover()
    watching.cancel()
    assert len(found.tools) == 1500
    assert turns > 20


async def test_circular_schemas_keep_their_circle(openapi: OpenApi) -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}, "v": {}}}
    body = body_of({"$ref": "#/components/schemas/Node"})
    found = await openapi(
        one("/x", "post", requestBody=body, components={"schemas": {"Node": node}})
    ).discover()
    schema = inputs(found)
    assert schema["properties"]["body"]["$ref"] == "#/$defs/Node"
    assert schema["$defs"]["Node"]["properties"]["next"] == {"$ref": "#/$defs/Node"}


@pytest.mark.parametrize(
    "schemas",
    [
        {"A": {"$ref": "#/components/schemas/A"}},
        {"A": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/A"}},
        {"A": {"properties": {"x": {"$ref": "#/components/schemas/Missing"}}}},
        {"A": {"properties": {"x": {"$ref": "http://evil.example/schema"}}}},
        {"A": {"properties": {"x": {"$ref": "other.yaml#/A"}}}},
        {"A": {"properties": {"x": {"$ref": "file:///etc/passwd"}}}},
    ],
    ids=str,
)
async def test_one_bad_reference_sets_one_tool_aside(schemas: Json, openapi: OpenApi) -> None:
    bad = {"operationId": "bad", "tags": ["do"], "requestBody": body_of({"$ref": "#/components/schemas/A"})}
    good = {"operationId": "good", "tags": ["do"]}
    description = described({"/x": {"post": bad, "get": good}}, components={"schemas": schemas})
    found = await openapi(description).discover()
    assert [tool.own_name for tool in found.tools] == ["do.good"]
    assert list(found.set_aside) == ["do.bad"]
    assert "POST /x" in found.set_aside["do.bad"]


@pytest.mark.parametrize(
    "path", ["/a/../b", "/./a", "/%2e%2E/a", "/a?b=c", "/a#b", "/a\\b", "/a\n", "/{a", "/{a}}"]
)
async def test_a_path_that_leads_elsewhere_is_set_aside(path: str, openapi: OpenApi) -> None:
    found = await openapi(one(path)).discover()
    assert (found.tools, list(found.set_aside)) == ((), ["do.it"])


def nested(depth: int) -> Json:
    schema: Json = {"type": "string"}
    for level in range(depth):
        schema = {"type": "object", "description": f"level {level}", "properties": {"in": schema}}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        nested(200),
        {"type": "object", "properties": {f"p{n}": nested(8) for n in range(1000)}},
        {"type": "object", "properties": {f"p{n}": {"description": "long " * 200} for n in range(1900)}},
        {"type": "string", "enum": [f"value {n}" for n in range(100_000)]},
        {"allOf": [{"$ref": "#/components/schemas/D20"}]},
        {"default": nested(300)},
    ],
    ids=["deep", "wide", "long", "vast enum", "doubling", "deep default"],
)
async def test_a_schema_beyond_the_limits_is_cut_and_not_dropped(schema: Json, openapi: OpenApi) -> None:
    doubling = {"D0": {"type": "string"}} | {
        f"D{n}": {"properties": {side: {"$ref": f"#/components/schemas/D{n - 1}"} for side in ("a", "b")}}
        for n in range(1, 21)
    }
    description = one("/x", "post", requestBody=body_of(schema), components={"schemas": doubling})
    found = await openapi(description).discover()
    (tool,) = found.tools
    assert len(bytes(tool.definition)) < 256 * 1024
    assert inputs(found)["required"] == ["body"]


async def test_integers_that_no_double_holds_do_not_cost_the_tool(openapi: OpenApi) -> None:
    schema = {"type": "integer", "maximum": 2**63 - 1, "minimum": 0, "default": 1e20, "enum": [1, 2**53]}
    found = await openapi(one("/x", "get", parameter("n", schema=schema))).discover()
    assert inputs(found)["properties"]["n"] == {"type": "integer", "minimum": 0}


async def test_a_pattern_that_could_stall_a_validator_is_left_to_the_api(openapi: OpenApi) -> None:
    given = (
        parameter("a", schema={"type": "string", "pattern": "^(?!x)(a+)\\1$"}),
        parameter("b", schema={"type": "string", "pattern": "^b+$"}),
    )
    properties = inputs(await openapi(one("/x", "get", *given)).discover())["properties"]
    assert (properties["a"], properties["b"]["pattern"]) == ({"type": "string"}, "^b+$")


@pytest.mark.parametrize(
    ("schema", "shown"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": True, "enum": ["a"]}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
        ({"type": "string", "example": "x", "xml": {}, "x-own": 1}, {"type": "string"}),
        (
            {"type": "object", "required": ["id", "a"], "properties": {"id": {"readOnly": True}, "a": {}}},
            {"type": "object", "required": ["a"], "properties": {"a": {}}},
        ),
        ({"allOf": [{"type": "string", "nullable": True}]}, {"allOf": [{"type": ["string", "null"]}]}),
        ({"properties": {"example": {"type": "string"}}}, {"properties": {"example": {"type": "string"}}}),
    ],
    ids=str,
)  # fmt: skip
async def test_schemas_of_3_0_become_json_schema(schema: Json, shown: Json, openapi: OpenApi) -> None:
    description = one("/x", "post", requestBody=body_of(schema)) | {"openapi": "3.0.3"}
    assert inputs(await openapi(description).discover())["properties"]["body"] == shown


async def test_parameters_of_one_name_are_told_apart_by_place(openapi: OpenApi) -> None:
    given = (parameter("id", "path"), parameter("id", "query"), parameter("id", "header"))
    schema = inputs(await openapi(one("/x/{id}", "get", *given)).discover())
    assert list(schema["properties"]) == ["path_id", "query_id", "header_id"]
    assert schema["required"] == ["path_id"]


async def test_effects_follow_methods(openapi: OpenApi) -> None:
    methods = ("get", "head", "options", "put", "post", "delete", "patch", "trace")
    found = await openapi(
        described({"/x": {method: {"operationId": method} for method in methods}})
    ).discover()
    effects = {tool.own_name.partition(".")[2]: (tool.effect, tool.idempotent) for tool in found.tools}
    assert effects == {
        "get": ("read", True), "head": ("read", True), "options": ("read", True), "put": ("write", True),
        "post": ("write", False), "delete": ("destructive", True), "patch": ("write", False),
    }  # fmt: skip


# Where the API is.


@pytest.mark.parametrize(
    ("server", "config", "origin", "base"),
    [
        ("https://a.example", {}, "https://a.example:443", "https://a.example:443"),
        ("https://a.example:8443/v1/", {}, "https://a.example:8443", "https://a.example:8443/v1"),
        ("http://[::1]:80/", {}, "http://[::1]:80", "http://[::1]:80"),
        ("https://a.example", {"server": "http://b.example/x"}, "http://b.example:80", "http://b.example:80/x"),
        (None, {"server": "https://b.example"}, "https://b.example:443", "https://b.example:443"),
    ],
    ids=str,
)  # fmt: skip
async def test_the_origin_is_the_administrators_or_the_first_server(
    server: str | None, config: dict[str, object], origin: str, base: str, openapi: OpenApi
) -> None:
    target = await openapi(one(server=server), config=config).target()
    assert (target.origin, target.config) == (origin, {"base": base})


def templated(**variables: Any) -> Json:
    server = {"url": "http://127.0.0.1:{port}/{base}", "variables": variables}
    return one() | {"servers": [server]}


async def test_variables_of_a_server_are_fixed_by_defaults_and_the_administrator(openapi: OpenApi) -> None:
    description = templated(port={"enum": ["9101"], "default": "9101"}, base={"default": "v1"})
    assert (await openapi(description).target()).config == {"base": "http://127.0.0.1:9101/v1"}
    target = await openapi(description, config={"variables": {"base": "v2"}}).target()
    assert target.config == {"base": "http://127.0.0.1:9101/v2"}


@pytest.mark.parametrize("variables", [{"port": "9102"}, {"host": "evil"}, {"base": "a b"}, {"base": "?x"}])
async def test_values_outside_of_their_enum_are_refused(variables: dict[str, str], openapi: OpenApi) -> None:
    description = templated(port={"enum": ["9101"], "default": "9101"}, base={"default": "v1"})
    with pytest.raises(InvalidRequestError, match=r"openapi\."):
        await openapi(description, config={"variables": variables}).target()


async def test_no_argument_of_an_agent_moves_the_port(openapi: OpenApi, upstream: Recording) -> None:
    """D1: the key went to whatever port the agent named as a server variable."""
    description = templated(port={"default": str(upstream.port)}, base={"default": "v1"})
    work = openapi(description)
    tries: tuple[Json, ...] = ({"server": {"variables": {"port": "1"}}}, {"port": "1"}, {"base": "v2"})
    for arguments in tries:
        with pytest.raises(InvalidRequestError):
            await work.call("do.it", arguments)
    assert upstream.arrived == []
    await work.call("do.it")
    assert upstream.last.target == "/v1/things"


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"spec": ""}, "openapi.spec"),
        ({"spec": 5}, "openapi.spec"),
        ({"url": "https://a.example"}, "openapi.url"),
        ({"server": "ftp://a.example"}, "openapi.server"),
        ({"server": "https://me:pw@a.example"}, "openapi.server"),
        ({"server": "https://a.example?x=1"}, "openapi.server"),
        ({"server": "https://a.example:port"}, "openapi.server"),
        ({"server": "a.example"}, "openapi.server"),
        ({"variables": ["x"]}, "openapi.variables"),
        ({"variables": {"x": 1}}, "openapi.variables"),
    ],
    ids=str,
)
async def test_a_wrong_field_of_the_configuration_is_named(
    config: dict[str, object], field: str, openapi: OpenApi
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await openapi(one(), config=config).target()
    assert caught.value.details["field"] == field
    assert field in caught.value.message


@pytest.mark.parametrize("server", [None, "/v1", "{unfilled}"])
async def test_a_description_from_a_file_must_say_where_the_api_is(
    server: str | None, openapi: OpenApi
) -> None:
    with pytest.raises(InvalidRequestError, match=r"openapi\.server"):
        await openapi(one(server=server)).target()


# Descriptions from a URL.


async def test_a_description_is_fetched_and_its_relative_server_resolved(
    openapi: OpenApi, upstream: Recording
) -> None:
    upstream.answer(text(one("/x", server="../v2")).encode())
    work = openapi(None, config={"spec": f"{upstream.url}/docs/api/openapi.json"})
    found = await work.discover()
    assert (found.origin, len(found.tools)) == (upstream.url, 1)
    assert {arrived.target for arrived in upstream.arrived} == {"/docs/api/openapi.json"}
    await work.call("do.it")
    assert upstream.last.target == "/docs/v2/x"


async def test_a_description_that_cannot_be_had_says_so(openapi: OpenApi, upstream: Recording) -> None:
    upstream.answer(b"no", status=404)
    with pytest.raises(UpstreamError, match="HTTP 404"):
        await openapi(None, config={"spec": f"{upstream.url}/x.json"}).target()
    upstream.answer(b"", status=302, Location="http://169.254.169.254/")
    with pytest.raises(UpstreamError, match="HTTP 302"):
        await openapi(None, config={"spec": f"{upstream.url}/x.json"}).target()


async def test_a_description_at_a_forbidden_address_is_not_fetched(openapi: OpenApi) -> None:
    with pytest.raises(UpstreamError) as caught:
        await openapi(None, config={"spec": "http://169.254.169.254/latest/meta-data"}).target()
    assert caught.value.code is Code.EGRESS_REFUSED


async def test_a_file_whose_text_did_not_come_along_is_said(openapi: OpenApi) -> None:
    with pytest.raises(InvalidRequestError, match="not a URL"):
        await openapi(None, config={"spec": "./api.yaml"}).target()


async def test_an_encrypted_description_does_not_lead_to_an_unencrypted_server(openapi: OpenApi) -> None:
    work = openapi(one(server="http://a.example"), config={"spec": "https://a.example/openapi.json"})
    with pytest.raises(InvalidRequestError, match="not encrypted"):
        await work.target()
