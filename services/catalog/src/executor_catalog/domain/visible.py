"""Texts for agents without what a person who reviews them cannot see."""

import re
from typing import Any, cast

# Controls (but tab and line feed), soft hyphen, zero-width and bidirectional characters, fillers, tags and
# variation selectors: instructions have been hidden in each of them. Not all are of category Cf.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_PROSE = frozenset({"description", "title"})
_DATA = frozenset({"const", "default", "enum", "examples", "example", "_meta"})


def only_visible(definition: dict[str, Any]) -> dict[str, Any]:
    """A copy whose descriptions and titles, at every depth, hold no unseen character.

    Data (enumerations, defaults, examples, names of properties) stays as it is: calls depend on it. The
    depth of `definition` must be bounded already.
    """
    return {key: _clean(key, value) for key, value in definition.items()}


def _clean(key: str, value: object) -> object:
    if isinstance(value, str):
        return _UNSEEN.sub("", value) if key in _PROSE else value
    if key in _DATA:
        return value
    if isinstance(value, dict):
        return only_visible(cast("dict[str, Any]", value))
    if isinstance(value, list):
        return [_clean("", item) for item in cast("list[object]", value)]
    return value
