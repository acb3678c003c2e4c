"""Rendering, over generated values."""

import base64
import re

from hypothesis import given
from hypothesis import strategies as st

from executor_shared.contracts.vocabulary import AuthMethod, Placement
from executor_shared.errors import ExecutorError
from executor_vault_broker.domain.check import check_method, check_values
from executor_vault_broker.domain.reference import is_segment, parse_reference
from executor_vault_broker.domain.render import named_inputs, render, secrets_of

NAMES = st.sampled_from(["token", "user", "key_2", "a-b"])
TEXT = st.text(max_size=40)
LITERAL = st.text(st.characters(exclude_characters="{}"), max_size=10)
HOSTILE = st.text(st.sampled_from('ab{}\r\n\0 :;,\t"\\é\u2028\x7f'), max_size=12)


@given(
    st.lists(st.tuples(LITERAL, NAMES), min_size=1, max_size=4),
    LITERAL,
    st.dictionaries(NAMES, TEXT | HOSTILE),
)
def test_every_name_is_replaced_once_and_values_are_never_looked_into(
    parts: list[tuple[str, str]], end: str, some: dict[str, str]
):
    values = {name: some.get(name, "{token}{user}") for name in ("token", "user", "key_2", "a-b")}
    template = "".join(f"{text}{{{name}}}" for text, name in parts) + end
    placement = Placement(carrier="header", name="X", value=template, prefix="P {token} ")
    expected = "P {token} " + "".join(text + values[name] for text, name in parts) + end
    assert render(placement, values).value == expected
    assert set(named_inputs(placement)) == {name for _, name in parts}


@given(TEXT, TEXT)
def test_base64_covers_the_text_and_not_the_prefix(user: str, password: str):
    placement = Placement(carrier="header", name="A", value="{u}:{p}", prefix="Basic ", base64=True)
    prefix, _, encoded = render(placement, {"u": user, "p": password}).value.partition(" ")
    assert prefix == "Basic"
    assert base64.b64decode(encoded).decode() == f"{user}:{password}"


@given(HOSTILE | TEXT, st.sampled_from(["header", "query", "cookie"]), st.booleans())
def test_whatever_is_accepted_cannot_break_out_of_its_place(value: str, carrier: str, encoded: bool):
    placement = Placement(carrier=carrier, name="X-Key", base64=encoded)  # pyright: ignore[reportArgumentType]
    method = AuthMethod(name="key", type="api_key", placements=(placement,))
    check_method(method)
    try:
        check_values(method, {"token": value})
    except ExecutorError:
        return
    rendered = render(placement, {"token": value}).value
    assert re.fullmatch(r"[\x20-\x7e]+", rendered)
    assert rendered == rendered.strip()
    if carrier == "cookie":
        assert not set(rendered) & set(' ;,"\\')
    assert value in secrets_of(method, {"token": value})


@given(st.text(st.sampled_from("ab./#-_%\\ \0"), max_size=20))
def test_a_reference_that_is_accepted_stays_below_its_mount(text: str):
    try:
        reference = parse_reference(text)
    except ExecutorError:
        return
    assert all(map(is_segment, reference.segments))
    assert not {".", "..", ""} & set(reference.segments)
    assert parse_reference(str(reference)) == reference
