"""Path templates: what they may look like, and that a request stays within its own."""

import re

from executor_shared.errors import Code, ExecutorError

_NAME = re.compile(r"\{([^{}/]+)\}")
_CLIMBING = re.compile(r"(?:\.|%2e){1,2}", re.IGNORECASE)


def template_names(path: str) -> list[str]:
    """The parameters that a template names."""
    return _NAME.findall(path)


def path_fault(path: str) -> str | None:
    """Why a template cannot be used; None where it can."""
    bare = _NAME.sub("x", path)
    if any(mark in bare for mark in "?#\\{}") or not bare.isprintable():
        return "its path has a query, a fragment, a lone brace, a backslash or unprintable characters"
    if any(_CLIMBING.fullmatch(segment) for segment in bare.split("/")):
        return "its path climbs"
    return None


def check_within(template: str, path: str, *, open_ended: bool) -> None:
    """Check a written path against its template: fixed parts in place, as many segments, none that climbs.

    Args:
        template: with its fixed parts encoded as in `path`.
        path: as it is about to be sent.
        open_ended: a parameter was declared to span segments.

    Raises:
        ExecutorError: it would lead elsewhere; nothing was sent.

    """
    fixed = [re.escape(part) for part in _NAME.split(template)[::2]]
    value = "[^?#]+?" if open_ended else "[^/?#]+?"
    climbs = any(_CLIMBING.fullmatch(segment) for segment in path.split("/"))
    if climbs or not re.fullmatch(value.join(fixed), path):
        raise ExecutorError(
            "The request would leave the path of its operation; nothing was sent.",
            code=Code.INVALID_TOOL_ARGUMENTS,
        )
