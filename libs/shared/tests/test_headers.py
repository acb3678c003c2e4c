"""What stands in a frame's headers is written by whoever sent it."""

import pytest

from executor_shared.bus.headers import DEADLINE, read_context


@pytest.mark.parametrize("text", ["", "soon", "nan", "-nan", "inf", "-inf", "1e999"])
def test_a_deadline_that_is_no_time_has_passed(text: str) -> None:
    assert read_context({DEADLINE: text}).deadline == 0.0


def test_a_deadline_is_read() -> None:
    assert read_context({DEADLINE: "1800000000.250"}).deadline == 1800000000.25
