"""References to secrets that somebody else keeps in Vault: `mount/path` or `mount/path#field`."""

import re
from dataclasses import dataclass

from executor_shared.errors import InvalidRequestError

_SEGMENT = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_PREFIX = "vault:"
_MAX_SEGMENTS = 16


def is_segment(text: str) -> bool:
    """Whether this may be one segment of a path in Vault: it cannot lead out of its folder."""
    return _SEGMENT.fullmatch(text) is not None and text not in {".", ".."}


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed reference. `field` None: every field is an input of that name."""

    segments: tuple[str, ...]
    field: str | None

    @property
    def mount(self) -> str:
        """The KV v2 mount: the first segment."""
        return self.segments[0]

    @property
    def path(self) -> str:
        """Where in the mount."""
        return "/".join(self.segments[1:])

    def __str__(self) -> str:
        return "/".join(self.segments) + (f"#{self.field}" if self.field else "")


def parse_reference(text: str) -> Reference:
    """Parse `[vault:]mount/path[#field]`.

    Raises:
        InvalidRequestError: another form, or a segment that is not plain.

    """
    path, mark, field = text.removeprefix(_PREFIX).strip().partition("#")
    segments = path.split("/")
    plain = all(map(is_segment, segments)) and (not mark or is_segment(field))
    if not plain or not 1 < len(segments) <= _MAX_SEGMENTS:
        raise InvalidRequestError(
            "external: expected mount/path#field, each segment of 1 to 64 letters, digits, '_', '.' or '-', "
            "none of them '.' or '..'.",
            details={"field": "external"},
        )
    return Reference(tuple(segments), field or None)
