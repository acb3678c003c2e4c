"""What documents say of each other: duplicates, and names that nothing stands behind."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from executor_shared.document.credentials import parts_of
from executor_shared.document.models import AuthPart, ConnectionPart, DocumentPart
from executor_shared.document.problems import Path, Problem
from executor_shared.document.yaml_tree import Tree

_SHOWN = 50
Documents = Sequence[tuple[Tree, DocumentPart]]


class _Known(Protocol):
    def integration(self, slug: str) -> tuple[str, ...] | None: ...

    def toolkit(self, slug: str) -> bool: ...

    def integrations(self) -> tuple[str, ...]: ...

    def toolkits(self) -> tuple[str, ...]: ...


def dangling(documents: Documents, known: _Known) -> list[Problem]:
    """Every duplicate and every reference that leads nowhere."""
    return [
        *_duplicates(documents),
        *_tenants(documents),
        *_connections(documents, known),
        *_scopes(documents, known),
    ]


def _keys(document: DocumentPart) -> Iterator[tuple[str, Path, str]]:
    """Noun, place and key of everything that must be unique."""
    for index, integration in enumerate(document.integrations):
        yield "integration", ("integrations", index, "slug"), integration.slug
        for number, method in enumerate(integration.auth):
            place = ("integrations", index, "auth", number, "name")
            yield "auth method", place, f"{integration.slug}/{method.name}"
    for index, connection in enumerate(document.connections):
        yield "connection", ("connections", index, "name"), connection.key
    for index, policy in enumerate(document.policies):
        yield "policy", ("policies", index, "name"), policy.name
    for index, toolkit in enumerate(document.toolkits):
        yield "toolkit", ("toolkits", index, "slug"), toolkit.slug
    for index, principal in enumerate(document.principals):
        yield "principal", ("principals", index, "subject"), principal.subject


def _duplicates(documents: Documents) -> Iterator[Problem]:
    seen: dict[tuple[str, str], str] = {}
    for tree, document in documents:
        for noun, path, key in _keys(document):
            where = f"{tree.file}:{tree.line(path)}"
            first = seen.setdefault((noun, key), where)
            if first != where:
                yield tree.problem(path, f"the {noun} {key!r} stands twice; first in {first}")


def _tenants(documents: Documents) -> Iterator[Problem]:
    named = [(tree, document.tenant) for tree, document in documents if document.tenant]
    for tree, tenant in named[1:]:
        if tenant != named[0][1]:
            yield tree.problem(("tenant",), f"one apply is about one tenant; {named[0][0].file} says another")


def _methods(documents: Documents) -> dict[str, list[AuthPart]]:
    return {i.slug: i.auth for _, document in documents for i in document.integrations}


def _connections(documents: Documents, known: _Known) -> Iterator[Problem]:
    defined = _methods(documents)
    for tree, document in documents:
        for index, connection in enumerate(document.connections):
            place: Path = ("connections", index)
            if connection.integration in defined:
                yield from _against_methods(tree, place, connection, defined[connection.integration])
            else:
                yield from _against_known(tree, place, connection, known, defined)


def _against_methods(
    tree: Tree, place: Path, connection: ConnectionPart, methods: list[AuthPart]
) -> Iterator[Problem]:
    names = [method.name for method in methods]
    if connection.auth is None:
        if connection.credential and len(methods) > 1:
            yield tree.problem(place, f"this key is required: auth, one of {', '.join(names)}")
        chosen = methods[0] if len(methods) == 1 else None
    else:
        chosen = next((method for method in methods if method.name == connection.auth), None)
        if methods and chosen is None:
            yield tree.problem(
                (*place, "auth"), f"the integration has no such method; accepted: {', '.join(names)}"
            )
    if chosen and connection.credential:
        yield from _against_inputs(tree, (*place, "credential"), connection.credential, chosen)


def inputs_of(method: AuthPart) -> tuple[str, ...]:
    """The values that a method needs."""
    if method.type == "basic":
        return ("username", "password")
    return method.inputs() if method.type == "custom" else ("token",)


def _against_inputs(
    tree: Tree, path: Path, credential: dict[str, object], method: AuthPart
) -> Iterator[Problem]:
    wanted = inputs_of(method)
    parts = parts_of(credential)
    given = [name for name, _, _ in parts]
    if given == [None]:
        if len(wanted) > 1 and parts[0][1] != "vault":
            yield tree.problem(
                path, f"{method.name} needs several inputs; give one reference for each of {_list(wanted)}"
            )
    elif set(given) != set(wanted):
        yield tree.problem(path, f"{method.name} needs exactly these inputs: {_list(wanted)}")


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _known(names: Iterable[str]) -> str:
    return _list(sorted(names)[:_SHOWN]) or "none yet"


def _against_known(
    tree: Tree, place: Path, connection: ConnectionPart, known: _Known, defined: dict[str, list[AuthPart]]
) -> Iterator[Problem]:
    methods = known.integration(connection.integration)
    if methods is None:
        names = _known({*defined, *known.integrations()})
        yield tree.problem(
            (*place, "integration"), f"there is no integration {connection.integration!r}; known: {names}"
        )
    elif methods and connection.auth and connection.auth not in methods:
        yield tree.problem(
            (*place, "auth"), f"the integration has no such method; accepted: {_list(methods)}"
        )


def _scopes(documents: Documents, known: _Known) -> Iterator[Problem]:
    defined = {toolkit.slug for _, document in documents for toolkit in document.toolkits}
    for tree, document in documents:
        for index, policy in enumerate(document.policies):
            kind, _, slug = policy.scope.partition(":")
            if kind == "toolkit" and slug not in defined and not known.toolkit(slug):
                names = _known({*defined, *known.toolkits()})
                yield tree.problem(
                    ("policies", index, "scope"), f"there is no toolkit {slug!r}; known: {names}"
                )
