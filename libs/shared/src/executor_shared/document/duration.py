"""Durations as people write them: `30s`, `15m`, `2h`, `1d`."""

import re

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_FORM = re.compile(r"([1-9][0-9]{0,5})([smhd])")


def seconds_of(text: str) -> float:
    """Seconds.

    Raises:
        ValueError: another form.

    """
    found = _FORM.fullmatch(text)
    if not found:
        raise ValueError("expected a duration such as 30s, 15m, 2h or 1d")
    return float(int(found[1]) * _UNITS[found[2]])


def text_of(seconds: float) -> str:
    """The shortest form; fractions of a second are dropped."""
    whole = int(seconds)
    for unit in "dhm":
        if whole and whole % _UNITS[unit] == 0:
            return f"{whole // _UNITS[unit]}{unit}"
    return f"{whole}s"
