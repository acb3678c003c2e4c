"""What is taken for JSON at the door."""

import pytest

from executor_gateway.mcp.jsonrpc import NotJsonError, parse


@pytest.mark.parametrize("value", [b"0.5", b"1", b'"a"', b"null"])
def test_a_list_without_end_is_refused_before_it_is_read(value: bytes) -> None:
    with pytest.raises(NotJsonError, match="values"):
        parse(b"[" + b",".join([value] * 300_000) + b"]")


def test_a_long_text_may_hold_as_many_commas_as_it_likes() -> None:
    text = 'a,"b",\\\\,' * 100_000
    body = '{"csv":"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"}'
    assert parse(body.encode()) == {"csv": text}


@pytest.mark.parametrize(
    "body", [b'{"a":"' + b"," * 300_000, b'["' + b'\\",' * 300_000, b'"' * 300_001 + b"," * 300_000]
)
def test_what_is_no_json_is_refused_as_such(body: bytes) -> None:
    with pytest.raises(NotJsonError):
        parse(body)
