"""What is let in, and that every change of it is seen."""

import copy
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor_catalog.domain.registration import MAX_DESCRIPTION, offer_of, register
from executor_shared.contracts.adapters import Discovered, DiscoveredTool

from .house import tool

FULL: dict[str, Any] = {
    "title": "Delete",
    "description": "Deletes a customer.",
    "inputSchema": {
        "type": "object",
        "properties": {"id": {"type": "string", "description": "Which.", "maxLength": 20}},
        "required": ["id"],
        "$defs": {"x": {"enum": ["a", 1, None, True, 1.5]}},
    },
    "outputSchema": {"type": "object", "properties": {"done": {"type": "boolean", "x-mcp-header": "Done"}}},
    "annotations": {"readOnlyHint": True, "destructiveHint": False, "title": "T"},
    "icons": [{"src": "https://crm.example/i.png", "sizes": ["48x48"]}],
    "_meta": {"vendor/cost": 3},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def _offered(*tools: DiscoveredTool) -> Discovered:
    return Discovered(target=msgspec.Raw(b"{}"), origin="https://x:443", tools=tools)


def _leaves(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [p for k, v in cast("dict[str, Any]", value).items() for p in _leaves(v, (*path, k))]
    if isinstance(value, list):
        return [p for i, v in enumerate(cast("list[Any]", value)) for p in _leaves(v, (*path, i))]
    return [path]


def _mutated(value: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    changed = copy.deepcopy(value)
    here: Any = changed
    for step in path[:-1]:
        here = here[step]
    old = here[path[-1]]
    here[path[-1]] = (not old) if isinstance(old, bool) else f"{old} " if isinstance(old, str) else 7
    return changed


@pytest.mark.parametrize("path", _leaves(FULL), ids=str)
def test_changing_any_leaf_of_a_definition_is_seen(path: tuple[Any, ...]):
    before = register(tool("delete", **FULL))
    after = register(tool("delete", **_mutated(FULL, path)))
    assert after.fingerprint != before.fingerprint


@given(JSON, JSON)
def test_definitions_are_equal_only_where_their_json_is(one: object, other: object):
    same = msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")
    marks = [register(tool("x", _meta={"v": value})).fingerprint for value in (one, other)]
    assert (marks[0] == marks[1]) == same


def test_changed_binding_effect_or_idempotence_is_seen():
    base = tool("x")
    others = [
        msgspec.structs.replace(base, binding=msgspec.Raw(b'{"path":"/y"}')),
        msgspec.structs.replace(base, effect="destructive"),
        msgspec.structs.replace(base, idempotent=True),
    ]
    assert len({register(one).fingerprint for one in (base, *others)}) == 4


def test_spaces_and_order_of_keys_are_no_change():
    spaced = DiscoveredTool(
        own_name="x",
        definition=msgspec.Raw(b'{ "inputSchema": {"type":"object"},  "name":"x" }'),
        binding=msgspec.Raw(b'{ "b": 1, "a": 2 }'),
        effect="read",
    )
    tight = msgspec.structs.replace(
        spaced,
        definition=msgspec.Raw(b'{"name":"x","inputSchema":{"type":"object"}}'),
        binding=msgspec.Raw(b'{"a":2,"b":1}'),
    )
    assert register(spaced).fingerprint == register(tight).fingerprint
    assert register(spaced).binding == b'{"a":2,"b":1}'


def _deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"p": schema}}
    return schema


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (tool("x", inputSchema=_deep(32)), "deeper than 32"),
        (tool("x", inputSchema=_deep(60)), "nested deeper than 100"),
        (tool("x", inputSchema={"anyOf": [{}] * 2001}), "more than 2,000 subschemas"),
        (tool("x", inputSchema={"description": "y" * 256 * 1024}), "at most 262,144"),
        (tool("x", inputSchema={"properties": {"a": {"$ref": "https://evil.example/s"}}}), "outside itself"),
        (tool("x", outputSchema={"$ref": "other.json#/a"}), "outside itself"),
        (tool("x", outputSchema=True), "outputSchema is not an object"),
        (tool("x", _meta="z" * 1024 * 1024), "more than 1,048,576 bytes"),
        (tool("x", description=["no"]), "not a text"),
        (tool("x y"), "A-Z a-z 0-9"),
        (tool("a..b"), "A-Z a-z 0-9"),
        (tool("х"), "A-Z a-z 0-9"),  # noqa: RUF001 - a Cyrillic letter
        (tool("x" * 129), "128"),
        (tool("x", _meta={"big": 2**60}), "canonical"),
        (msgspec.structs.replace(tool("x"), definition=msgspec.Raw(b"[1]")), "not an object"),
    ],
)
async def test_tool_outside_the_limits_is_set_aside_and_the_rest_is_served(bad: DiscoveredTool, reason: str):
    offer = await offer_of(_offered(bad, tool("good")))
    assert list(offer.tools) == ["good"]
    assert reason in next(iter(offer.set_aside.values()))


async def test_second_tool_of_a_name_is_set_aside():
    offer = await offer_of(_offered(tool("x"), tool("x", title="other")))
    assert list(offer.tools) == ["x"]
    assert "two tools" in offer.set_aside["x (again)"]


async def test_long_description_is_cut_with_a_note():
    offer = await offer_of(_offered(tool("x", description="ü" * 10_000)))
    shown = msgspec.json.decode(offer.tools["x"].shown)["description"]
    assert len(shown.encode()) <= MAX_DESCRIPTION
    assert "left out" in shown


@pytest.mark.parametrize("schema", [None, {}, True, "object", {"properties": {}}])
async def test_schema_without_a_type_becomes_an_object(schema: object):
    offer = await offer_of(_offered(tool("x", inputSchema=schema)))
    assert msgspec.json.decode(offer.tools["x"].shown)["inputSchema"]["type"] == "object"


async def test_references_within_a_schema_are_let_in():
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#"}}}
    offer = await offer_of(_offered(tool("x", inputSchema=schema)))
    assert offer.set_aside == {}


@pytest.mark.parametrize(
    "unseen",
    ["\u200b", "\u202e", "\u2066", "\ufeff", "\u00ad", "\U000e0041", "\u115f", "\u3164", "\u034f", "\ufe0f",
     "\U000e0100", "\x00", "\x1b", "\u2028", "\u180e"],
    ids=ascii,
)  # fmt: skip
async def test_unseen_characters_do_not_reach_agents_in_any_description(unseen: str):
    schema = {
        "type": "object",
        "properties": {
            "description": {"description": f"a{unseen}b", "enum": [f"x{unseen}"], "default": unseen}
        },
        "anyOf": [{"title": unseen}],
    }
    offer = await offer_of(
        _offered(tool("x", description=f"one{unseen} two", title=unseen, inputSchema=schema))
    )
    shown = msgspec.json.decode(offer.tools["x"].shown)
    assert (shown["description"], shown["title"]) == ("one two", "")
    inner = shown["inputSchema"]["properties"]["description"]
    assert inner == {"description": "ab", "enum": [f"x{unseen}"], "default": unseen}
    assert shown["inputSchema"]["anyOf"] == [{"title": ""}]


async def test_letters_of_ordinary_languages_stay():
    text = "Größe, 大きさ, حجم, размер, गुण\n\tand lines"
    offer = await offer_of(_offered(tool("x", description=text)))
    assert msgspec.json.decode(offer.tools["x"].shown)["description"] == text
