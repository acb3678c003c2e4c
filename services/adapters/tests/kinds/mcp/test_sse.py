"""The parser of server-sent events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor_adapters.kinds.mcp.sse import EventParser
from executor_shared.errors import Code, UpstreamError


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data:a\r\n\r\n", [b"a"]),
        (b"data: a\r\r", [b"a"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b": comment\nevent: message\nid: 1\nretry: 5\ndata: a\n\n", [b"a"]),
        (b"\xef\xbb\xbfdata: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"id: 1\ndata:\n\n", []),
        (b"\n\n\n", []),
        (b"data: unfinished\n", []),
        (b"data:  two spaces\n\n", [b" two spaces"]),
        (b"database: x\n\n", []),
    ],
)
def test_events_of_every_form(stream: bytes, events: list[bytes]):
    assert EventParser(1000).feed(stream) == events


@given(st.lists(st.integers(min_value=1, max_value=7)), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_cuts_anywhere_change_nothing(cuts: list[int], end: bytes):
    stream = end.join(
        [b"id: 1", b"data: one", b"", b"data: two", b"data: three", b"", b": x", b"data: 4", b"", b""]
    )
    parser, found = EventParser(1000), list[bytes]()
    for size in cuts:
        found += parser.feed(stream[:size])
        stream = stream[size:]
    assert found + parser.feed(stream) == [b"one", b"two\nthree", b"4"]


@pytest.mark.parametrize("stream", [b"data: " + b"x" * 2000, b"data: x\n" * 700, b"x" * 2000])
def test_an_event_beyond_the_bound_is_refused(stream: bytes):
    with pytest.raises(UpstreamError) as raised:
        EventParser(1000).feed(stream)
    assert raised.value.code is Code.UPSTREAM_RESPONSE_TOO_LARGE


def test_many_small_events_are_not_one_large_one():
    assert len(EventParser(1000).feed(b"data: x\n\n" * 5000)) == 5000
