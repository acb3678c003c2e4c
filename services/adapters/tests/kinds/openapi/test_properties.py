"""Whatever an agent gives: method, origin, path template and headers of a request stay those of its operation."""

import re
from urllib.parse import unquote, urlsplit

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from executor_adapters.domain.ports import Outgoing
from executor_adapters.kinds.openapi.binding import Binding, Body, Parameter, Place
from executor_adapters.kinds.openapi.request import build
from executor_shared.contracts.vault_broker import Injection, LeasedCredential
from executor_shared.egress.form import checked_host
from executor_shared.errors import ExecutorError

BASE = "https://api.example.com:443/base"
NASTY = st.sampled_from(
    ["..", ".", "/", "//evil.example", "\\", "%2e%2e", "%2f", "?a=b", "#x", ";y", "@evil.example", "\r\nX-Evil: 1",
     "\x00", "key", "Key", "{other}", "{id}", "é", "\u202e", "\u3002\u3002", "http://evil.example/", " ", "&key=mine"]
)  # fmt: skip
TEXT = st.one_of(NASTY, st.text(max_size=12), st.lists(NASTY, max_size=3).map("".join))
SCALAR = st.one_of(TEXT, st.integers(-(2**53), 2**53), st.booleans(), st.none(), st.floats(allow_nan=False))
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=6,
)
STYLES: dict[Place, list[str]] = {
    "path": ["simple", "label", "matrix"],
    "query": ["form", "spaceDelimited", "pipeDelimited", "deepObject"],
    "header": ["simple"],
    "cookie": ["form"],
}
CREDENTIAL = LeasedCredential(
    injections=(
        Injection(carrier="query", name="key", value="q-secret"),
        Injection(carrier="header", name="X-Key", value="h-secret"),
    ),
    secrets=("q-secret", "h-secret"),
    expires_at=4e9,
)


@st.composite
def bindings(draw: st.DrawFn) -> Binding:
    def one(name: str, place: Place) -> Parameter:
        return Parameter(
            argument=name,
            name=name,
            place=place,
            style=draw(st.sampled_from(STYLES[place])),
            explode=draw(st.booleans()),
            reserved=draw(st.booleans()),
            json=draw(st.booleans()),
            segments=place == "path" and draw(st.booleans()),
        )

    parameters = (one("id", "path"), one("q", "query"), one("X-H", "header"), one("c", "cookie"))
    path = draw(st.sampled_from(["/a/{id}/z", "/a/x{id}.json", "/{id}"]))
    body = draw(
        st.sampled_from([None, Body(("application/json",)), Body(("text/plain", "application/json"))])
    )
    return Binding(method="POST", path=path, parameters=parameters, body=body, accept="application/json")


def built(binding: Binding, arguments: dict[str, object]) -> Outgoing | None:
    raw = msgspec.Raw(msgspec.json.encode(arguments))
    try:
        outgoing = build(BASE, binding, raw, CREDENTIAL)
        checked_host(outgoing)
    except ExecutorError:
        return None
    return outgoing


def pairs(query: str) -> list[tuple[str, str]]:
    found = (pair.partition("=") for pair in query.split("&"))
    return [(unquote(name).lower(), unquote(value)) for name, _, value in found]


@settings(max_examples=600, deadline=None)
@given(
    bindings(),
    st.fixed_dictionaries({"id": VALUE}, optional=dict.fromkeys(("q", "X-H", "c", "body"), VALUE)),
)
def test_a_request_stays_what_its_operation_is(binding: Binding, arguments: dict[str, object]) -> None:
    if binding.body is None:
        arguments.pop("body", None)
    outgoing = built(binding, arguments)
    if outgoing is None:
        return
    parts = urlsplit(outgoing.url)
    before, _, after = binding.path.partition("{id}")
    segments = "[^?#]+" if any(each.segments for each in binding.parameters) else "[^/?#]+"
    assert outgoing.method == "POST"
    assert outgoing.url.startswith("https://api.example.com:443/base/")
    assert "#" not in outgoing.url
    assert re.fullmatch(f"/base{re.escape(before)}{segments}{re.escape(after)}", parts.path)
    assert {".", ".."}.isdisjoint(unquote(segment) for segment in parts.path.split("/"))
    assert [value for name, value in pairs(parts.query) if name == "key"] == ["q-secret"]
    names = [name.lower() for name, _ in outgoing.headers]
    assert len(names) == len(set(names))
    assert set(names) <= {"accept", "x-h", "cookie", "content-type", "x-key"}
    assert ("X-Key", "h-secret") in outgoing.headers


@given(st.text(min_size=1, max_size=20))
def test_ordinary_words_do_arrive(word: str) -> None:
    """The positive control: not everything is refused."""
    plain = "".join(letter for letter in word if letter.isalnum())
    binding = Binding(
        method="GET", path="/a/{id}", parameters=(Parameter(argument="id", name="id", place="path"),)
    )
    if not plain:
        return
    outgoing = built(binding, {"id": plain})
    assert outgoing is not None
    assert unquote(urlsplit(outgoing.url).path) == f"/base/a/{plain}"
