"""The one pattern grammar of addresses: policies, toolkits and searches use it.

`*` alone is everything; a trailing `*` segment is the subtree (the prefix itself or anything deeper); a
middle `*` is exactly one segment; anything else is exact. Partial wildcards are refused.
"""

from executor_shared.errors import InvalidRequestError


def check_pattern(pattern: str, *, field: str) -> None:
    """Refuse a pattern outside the grammar.

    Raises:
        InvalidRequestError: names `field`, the pattern, and what is accepted.

    """
    segments = pattern.split(".")
    bad = any(not segment or ("*" in segment and segment != "*") for segment in segments)
    if bad or (segments[0] == "*" and len(segments) > 1 and set(segments) == {"*"} and pattern != "*"):
        raise InvalidRequestError(
            f"{field}: {pattern!r} is not a tool pattern. Accepted: an exact address, '*', a trailing '.*' "
            "for a subtree, or '*' as one whole middle segment.",
            details={"field": field, "value": pattern},
        )


def matches(pattern: str, address: str) -> bool:
    """Whether an address is within a (checked) pattern."""
    if pattern == "*":
        return True
    wanted, given = pattern.split("."), address.split(".")
    if wanted[-1] == "*":
        wanted = wanted[:-1]
        if len(given) < len(wanted):
            return False
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(w in ("*", g) for w, g in zip(wanted, given, strict=True))
