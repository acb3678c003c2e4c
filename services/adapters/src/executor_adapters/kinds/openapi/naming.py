"""Names of tools: `group.leaf`, from tag and operationId, else from path and method. Stable across refreshes."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

_WORD = re.compile(r"[A-Za-z0-9]+")
_VERSION = re.compile(r"v[0-9]+(\.[0-9]+)*", re.IGNORECASE)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MAX_PART = 60


def camel(text: str) -> str:
    """`list-repos for_user` → `listReposForUser`."""
    words = [word for piece in _WORD.findall(text) for word in _HUMP.split(piece) if word]
    if not words:
        return ""
    head, *rest = words
    return (head.lower() + "".join(word[0].upper() + word[1:].lower() for word in rest))[:_MAX_PART]


def tool_name(method: str, path: str, operation_id: str | None, tags: Sequence[str]) -> str:
    """The name that an operation wants."""
    segments = [
        s for s in path.split("/") if s and s != "api" and not s.startswith("{") and not _VERSION.fullmatch(s)
    ]
    group = camel(tags[0]) if tags else ""
    group = group or camel(segments[0] if segments else "") or "api"
    return f"{group}.{_leaf(method, path, operation_id, group)}"


def _leaf(method: str, path: str, operation_id: str | None, group: str) -> str:
    if operation_id:
        # GitHub's `repos/list-for-org` repeats its tag.
        _, slash, rest = operation_id.partition("/")
        leaf = camel(rest if slash and rest else operation_id)
        if leaf.lower().startswith(group.lower()) and len(leaf) > len(group) and leaf[len(group)].isupper():
            leaf = leaf[len(group)].lower() + leaf[len(group) + 1 :]
        if leaf:
            return leaf
    words = [
        part.strip("{}") if not part.startswith("{") else f"by {part.strip('{}')}"
        for part in path.split("/")
        if part
    ]
    return camel(f"{method} {' '.join(words)}") or method


def unique(names: Sequence[tuple[str, str | None, str, str]]) -> list[str]:
    """One name for each `(wanted, operationId, method, path)`.

    Operations that want the same name get their whole operationId instead, then the method, then a hash of
    method and path: which one gets which does not depend on their order.
    """
    found = [wanted for wanted, _, _, _ in names]
    for further in (_whole_id, _with_method, _with_mark):
        taken = Counter(name.lower() for name in found)
        found = [
            name if taken[name.lower()] == 1 else further(name, operation_id, method, path)
            for name, (_, operation_id, method, path) in zip(found, names, strict=True)
        ]
    return found


def _whole_id(name: str, operation_id: str | None, _method: str, _path: str) -> str:
    group, _, _ = name.partition(".")
    return f"{group}.{camel(operation_id)}" if operation_id and camel(operation_id) else name


def _with_method(name: str, _operation_id: str | None, method: str, _path: str) -> str:
    return f"{name}{method.capitalize()}"


def _with_mark(name: str, _operation_id: str | None, method: str, path: str) -> str:
    return f"{name}_{hashlib.sha256(f'{method} {path}'.encode()).hexdigest()[:8]}"
