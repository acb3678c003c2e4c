from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from executor_shared.document import Source, catalog_of, dump, policy_of, read
from executor_shared.document.dump import PlainDumper

_slug = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
_text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
_words = st.lists(_text, max_size=3)
_pattern = st.sampled_from(["*", "crm.*", "crm.*.*.customers.delete", "crm.org.main.list"])
_auth: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"name": "b", "type": "bearer"},
        {"name": "p", "type": "basic"},
        {"name": "k", "type": "api_key", "in": "cookie", "key": "no", "prefix": "Token "},
        {
            "name": "c",
            "type": "custom",
            "placements": [{"in": "env", "name": "A", "value": "{a}", "base64": True}],
        },
    ]
)
_block = st.sampled_from(
    [
        ("openapi", {"spec": "https://a.example/o.json", "server": "https://a.example"}),
        ("openapi", {"spec": "https://a.example/o.json", "variables": {"region": "eu"}}),
        ("mcp", {"command": ["npx", "-y", "no"], "env": {"ON": "1e3"}}),
        ("mcp", {"url": "http://127.0.0.1:1/mcp"}),
        ("graphql", {"url": "https://a.example/graphql"}),
    ]
)


@st.composite
def _integrations(draw: st.DrawFn) -> dict[str, Any]:
    kind, block = draw(_block)
    return {
        "slug": draw(_slug),
        "name": draw(_text),
        "kind": kind,
        kind: block,
        "network": {"allow": draw(st.lists(st.just("[::1]:443"), max_size=1))},
        "definitions": draw(st.sampled_from(["review", "accept"])),
        "auth": draw(st.lists(_auth, max_size=3, unique_by=lambda a: a["name"])),
    }


_policies: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "name": _text,
        "scope": st.sampled_from(["org", "team:a", "user:x@y"]),
        "match": st.fixed_dictionaries(
            {"tool": _pattern, "groups": _words, "clients": _words},
            optional={"when": _text, "effect": st.sampled_from(["read", ["write", "destructive"]])},
        ),
        "effect": st.just("require_approval"),
        "approvers": st.fixed_dictionaries(
            {
                "groups": _words,
                "requester": st.booleans(),
                "expires": st.sampled_from(["30s", "15m", "90m", "2h", "3d"]),
            }
        ),
        "reason": _text,
    }
)
_principals: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"subject": st.from_regex(r"[a-z@.|]{1,20}", fullmatch=True), "groups": _words, "admin": st.booleans()},
    optional={"person": st.just("boss"), "key": st.just({"env": "NO"})},
)
_toolkits: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"slug": _slug, "tools": st.lists(_pattern, max_size=3)}
)
_documents: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "apiVersion": st.just("executor/v1"),
        "integrations": st.lists(_integrations(), max_size=3, unique_by=lambda i: i["slug"]),
        "policies": st.lists(_policies, max_size=3, unique_by=lambda p: p["name"]),
        "principals": st.lists(_principals, max_size=3, unique_by=lambda p: p["subject"]),
        "toolkits": st.lists(_toolkits, max_size=3, unique_by=lambda t: t["slug"]),
    }
)


def _yaml(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=PlainDumper, allow_unicode=True)


def _written(text: str) -> str:
    configuration = read([Source(text)])
    return dump(catalog_of(configuration, {}), policy_of(configuration, {}))


@settings(max_examples=25, deadline=None)
@given(_documents)
def test_what_is_exported_means_the_same_when_it_is_read(document: dict[str, Any]) -> None:
    configuration = read([Source(_yaml(document))])
    again = read([Source(dump(catalog_of(configuration, {}), policy_of(configuration, {})))])
    catalog, policy = catalog_of(configuration, {}), policy_of(configuration, {})
    assert sorted(catalog_of(again, {}).integrations, key=lambda i: i.slug) == sorted(
        catalog.integrations, key=lambda i: i.slug
    )
    assert sorted(catalog_of(again, {}).toolkits, key=lambda t: t.slug) == sorted(
        catalog.toolkits, key=lambda t: t.slug
    )
    assert sorted(policy_of(again, {}).policies, key=lambda p: p.name) == sorted(
        policy.policies, key=lambda p: p.name
    )
    assert sorted(policy_of(again, {}).principals, key=lambda p: p.subject) == sorted(
        policy.principals, key=lambda p: p.subject
    )


@settings(max_examples=15, deadline=None)
@given(_documents)
def test_an_export_of_an_export_is_the_same_text(document: dict[str, Any]) -> None:
    first = _written(_yaml(document))
    assert _written(first) == first
