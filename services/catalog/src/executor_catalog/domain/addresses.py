"""Slugs, owners and names: what may stand in an address."""

import re

from executor_shared.errors import InvalidRequestError

RESERVED_SLUGS = frozenset({"executor", "gateway"})
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_GROUP = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KIND = re.compile(r"[a-z][a-z0-9-]{0,31}")
_MAX_SUBJECT = 255
_LOOKALIKES = str.maketrans({"0": "o", "1": "l"})


def invalid(field: str, problem: str, **more: object) -> InvalidRequestError:
    """The error that names a field of the document."""
    return InvalidRequestError(f"{field}: {problem}", details={"field": field, **more})


def check_slug(slug: str, field: str) -> None:
    """Refuse a slug that cannot stand in an address or is kept for ourselves.

    Raises:
        InvalidRequestError: names the field.

    """
    if not _SLUG.fullmatch(slug):
        raise invalid(
            field, f"{slug!r} is not a slug: 1 to 32 of a-z 0-9 -, no '-' at either end", value=slug
        )
    if slug in RESERVED_SLUGS:
        raise invalid(field, f"{slug!r} is reserved; choose another slug", value=slug)


def check_kind(kind: str, accepted: frozenset[str], field: str) -> None:
    """Refuse a kind that this installation does not have."""
    if not _KIND.fullmatch(kind) or kind not in accepted:
        known = sorted(accepted)
        raise invalid(field, f"there is no kind {kind!r}; accepted: {', '.join(known)}", accepted=known)


def check_name(name: str, field: str) -> None:
    """Refuse a connection name that cannot stand in an address."""
    if not _NAME.fullmatch(name):
        raise invalid(field, f"{name!r} is not a name: 1 to 64 of A-Z a-z 0-9 _ -, no dot", value=name)


def check_owner(owner: str, field: str) -> None:
    """Refuse an owner that is not `org`, `team:<group>` or `user:<subject>`."""
    kind, _, whose = owner.partition(":")
    fits = (
        owner == "org"
        or (kind == "team" and _GROUP.fullmatch(whose) is not None)
        or (kind == "user" and 0 < len(whose) <= _MAX_SUBJECT and whose.isprintable() and "/" not in whose)
    )
    if not fits:
        raise invalid(
            field,
            f"{owner!r} is not an owner; accepted: org, team:<group> (A-Z a-z 0-9 _ -), user:<subject>",
            value=owner,
        )


def skeleton(slug: str) -> str:
    """What a slug looks like at a glance: equal skeletons are confusable (0 and o, 1 and l, rn and m)."""
    return slug.translate(_LOOKALIKES).replace("rn", "m")
