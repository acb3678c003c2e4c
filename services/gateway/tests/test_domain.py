"""The small parts by themselves."""

import base64
import time
from typing import Any, get_args

import msgspec
import pytest

from executor_gateway.domain.arguments import compile_schema, problems
from executor_gateway.domain.endpoint import endpoint_of
from executor_gateway.domain.keyring import KeyRing
from executor_gateway.domain.recent import Recent
from executor_gateway.domain.words import NEXT, told
from executor_gateway.mcp.results import RPC_CODES
from executor_shared.contracts.catalog import Tool
from executor_shared.contracts.vocabulary import Outcome
from executor_shared.errors import Code, DescriptionInvalidError

ONE, TWO = b"1" * 32, b"2" * 32


def _tool(schema: Any) -> Tool:
    definition = msgspec.json.encode({"inputSchema": schema})
    return Tool(tenant="t", id="i", revision=1, address="a.org.b.c", definition=msgspec.Raw(definition))


def test_every_code_is_in_every_table() -> None:
    assert set(NEXT) == set(Code)
    assert set(RPC_CODES) == set(Code)


def test_every_outcome_and_code_has_its_sentence() -> None:
    for outcome in get_args(Outcome):
        for code in (*Code, None, "a_code_of_tomorrow"):
            text = told(outcome, code, "Something happened")
            assert text.startswith("Something happened. ")
            assert text.endswith((".", "!"))


@pytest.mark.parametrize(
    ("schema", "arguments", "good"),
    [
        ({"type": "object"}, {"anything": 1}, True),
        ({"type": "object", "properties": {"a": {}}}, {"b": 1}, False),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": True}, {"b": 1}, True),
        ({"type": "object", "properties": {"a": {}}, "patternProperties": {"^b": {}}}, {"b": 1}, True),
        ({"type": "object", "properties": {"a": {}}, "allOf": [{"properties": {"b": {}}}]}, {"b": 1}, True),
        ({"type": "object", "properties": {}, "additionalProperties": False}, {}, True),
        ({"type": "object", "properties": {}, "additionalProperties": False}, {"b": 1}, False),
        (
            {
                "type": "object",
                "properties": {"a": {"$ref": "#/$defs/a"}},
                "$defs": {"a": {"type": "string"}},
            },
            {"a": 1},
            False,
        ),
        (
            {"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": {"type": "integer"}}},
            {"a": 10**40},
            True,
        ),
    ],
)
def test_arguments_are_checked_and_unknown_ones_refused(schema: Any, arguments: Any, *, good: bool) -> None:
    assert (problems(compile_schema(_tool(schema)), arguments) == []) is good


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.com/x.json"},
        {"$ref": "file:///etc/passwd"},
        {"properties": {"a": {"pattern": "(?=x)y"}}},
        {"type": "nonsense"},
        {"$schema": "https://example.com/meta"},
        [],
    ],
)
def test_unusable_schemas_are_refused_without_reaching_anything(schema: Any) -> None:
    with pytest.raises(DescriptionInvalidError, match=r"a\.org\.b\.c"):
        compile_schema(_tool(schema))


def test_evil_patterns_take_no_time() -> None:
    schema = compile_schema(_tool({"properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}))
    started = time.perf_counter()
    assert problems(schema, {"a": "a" * 50_000 + "!"})
    assert time.perf_counter() - started < 1


def test_what_is_told_of_bad_arguments_is_bounded() -> None:
    names = {f"p{number}" * 40: {} for number in range(1_000)}
    schema = compile_schema(_tool({"properties": names, "additionalProperties": False}))
    (found,) = problems(schema, {"x" * 10_000: 1})
    assert len(found) < 10_000


def test_ring_opens_what_any_of_its_keys_sealed_for_the_same_purpose() -> None:
    old, both, new = KeyRing((ONE,)), KeyRing((TWO, ONE)), KeyRing((TWO,))
    text = old.seal("a", b"payload")
    assert both.open("a", text) == b"payload"
    assert both.open("b", text) is None
    assert new.open("a", text) is None
    assert new.open("a", both.seal("a", b"payload")) == b"payload"


def test_ring_refuses_whatever_is_altered() -> None:
    ring = KeyRing((ONE,))
    text = ring.seal("a", b"payload")
    body, _, mark = text.partition(".")
    other = base64.urlsafe_b64encode(b"Payload").decode().rstrip("=")
    for wrong in (
        "",
        ".",
        body,
        f"{body}.",
        f".{mark}",
        f"{other}.{mark}",
        f"{text}=",
        f"{text}é",
        "é.é",
        "x" * 9_999,
    ):
        assert ring.open("a", wrong) is None, wrong
    for place in range(len(text)):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        opened = ring.open("a", changed)
        assert opened is None or opened == b"payload"


def test_short_keys_are_refused() -> None:
    for keys in ((), (b"short",)):
        with pytest.raises(ValueError, match="at least"):
            KeyRing(keys)


def test_recent_answers_are_bounded_in_number_time_and_generation() -> None:
    now = [0.0]
    recent: Recent[str, int] = Recent(2, 10, lambda: now[0])
    for number, key in enumerate(("a", "b", "c")):
        recent.keep(key, number, 0)
    assert recent.get("a") is None
    assert (recent.get("b"), recent.get("c"), len(recent)) == (1, 2, 2)
    now[0] = 10.0
    assert recent.get("b") is None
    before = recent.generation
    recent.forget()
    recent.keep("a", 1, before)
    assert recent.get("a") is None
    recent.keep("a", 1, recent.generation)
    recent.drop("a")
    assert recent.get("a") is None


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/mcp/",
        "/mcpx",
        "/mcp/toolkits",
        "/mcp/toolkits/",
        "/mcp/toolkits/a/",
        "/mcp/toolkits/..",
        "/mcp/toolkits/a b",
        "/mcp/connections/a/b",
        "/mcp/connections/a/b/c/d",
        "//mcp",
        "/mcp//toolkits/a",
        "/MCP",
        "/mcp/toolkits/" + "a" * 129,
    ],
)
def test_other_paths_name_no_endpoint(path: str) -> None:
    assert endpoint_of(path) is None
