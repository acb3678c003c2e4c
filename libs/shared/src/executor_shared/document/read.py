"""Reading documents: all problems of all files at once, and what they refer to."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from executor_shared.document import credentials
from executor_shared.document.models import (
    ConnectionPart,
    DocumentPart,
    IntegrationPart,
    PolicyPart,
    PrincipalPart,
    ToolkitPart,
)
from executor_shared.document.problems import DocumentError, Problem
from executor_shared.document.references import dangling
from executor_shared.document.validate import validate
from executor_shared.document.yaml_tree import Tree, load


@dataclass(frozen=True, slots=True)
class Source:
    """A document's text and the name of its file, for errors and for paths beside it."""

    text: str
    file: str = "configuration.yaml"


class Known(Protocol):
    """What exists already, so that a document may name it without defining it."""

    def integration(self, slug: str) -> tuple[str, ...] | None:
        """Names of its ways to authenticate; None: there is no such integration."""
        ...

    def toolkit(self, slug: str) -> bool:
        """Whether there is such a toolkit."""
        ...

    def integrations(self) -> tuple[str, ...]:
        """Slugs of all integrations, to be named where another one was meant."""
        ...

    def toolkits(self) -> tuple[str, ...]:
        """Slugs of all toolkits, likewise."""
        ...


class NothingKnown:
    """Nothing can be said of what exists: whatever a document does not define is left to the server."""

    def integration(self, slug: str) -> tuple[str, ...] | None:  # noqa: ARG002
        """Anything may exist."""
        return ()

    def toolkit(self, slug: str) -> bool:  # noqa: ARG002
        """Anything may exist."""
        return True

    def integrations(self) -> tuple[str, ...]:
        """None is known by name."""
        return ()

    def toolkits(self) -> tuple[str, ...]:
        """None is known by name."""
        return ()


@dataclass(frozen=True, slots=True)
class Reference:
    """Something outside of a document that whoever reads it must fetch.

    Attributes:
        kind: `env` or `file`: a secret; `text`: a description or schema beside the document.
        name: of the variable, or the path as written.
        file: the document that says so; paths are beside it.
        line: where.
        connection: whose credential it is, `<integration>/<owner>/<name>`.
        input: of the credential; None: the only one of its method.
        principal: whose API key it is.

    """

    kind: Literal["env", "file", "text"]
    name: str
    file: str
    line: int
    connection: str | None = None
    input: str | None = None
    principal: str | None = None


@dataclass(frozen=True, slots=True)
class Configuration:
    """Checked documents, taken together."""

    tenant: str | None = None
    integrations: tuple[IntegrationPart, ...] = ()
    connections: tuple[ConnectionPart, ...] = ()
    policies: tuple[PolicyPart, ...] = ()
    toolkits: tuple[ToolkitPart, ...] = ()
    principals: tuple[PrincipalPart, ...] = ()
    references: tuple[Reference, ...] = field(default=(), compare=False)


def read(sources: Sequence[Source], known: Known | None = None) -> Configuration:
    """The documents as one configuration.

    Args:
        sources: in the order given by the user.
        known: what exists already.

    Raises:
        DocumentError: with every problem of every document.

    """
    problems: list[Problem] = []
    read_well: list[tuple[Tree, DocumentPart]] = []
    for source in sources:
        try:
            tree = load(source.text, source.file)
            read_well.append((tree, validate(tree)))
        except DocumentError as error:
            problems += error.problems
    if not problems:
        problems += dangling(read_well, known or NothingKnown())
    if problems:
        raise DocumentError(problems)
    return _together(read_well)


def _together(documents: Iterable[tuple[Tree, DocumentPart]]) -> Configuration:
    documents = list(documents)
    parts = [document for _, document in documents]
    return Configuration(
        tenant=next((part.tenant for part in parts if part.tenant), None),
        integrations=tuple(x for part in parts for x in part.integrations),
        connections=tuple(x for part in parts for x in part.connections),
        policies=tuple(x for part in parts for x in part.policies),
        toolkits=tuple(x for part in parts for x in part.toolkits),
        principals=tuple(x for part in parts for x in part.principals),
        references=tuple(r for tree, part in documents for r in _references(tree, part)),
    )


def description_of(integration: IntegrationPart) -> str | None:
    """The path of the description that stands beside the document, if it is one."""
    if integration.openapi and not integration.openapi.spec.startswith(("http://", "https://")):
        return integration.openapi.spec
    return integration.graphql.schema_file if integration.graphql else None


def _references(tree: Tree, document: DocumentPart) -> Iterator[Reference]:
    for index, integration in enumerate(document.integrations):
        if path := description_of(integration):
            yield Reference("text", path, tree.file, tree.line(("integrations", index, integration.kind)))
    for index, connection in enumerate(document.connections):
        line = tree.line(("connections", index, "credential"))
        for name, kind, value in credentials.parts_of(connection.credential or {}):
            if kind != "vault":
                yield Reference(kind, value, tree.file, line, connection=connection.key, input=name)
    for index, principal in enumerate(document.principals):
        line = tree.line(("principals", index, "key"))
        for _, kind, value in credentials.parts_of(principal.key or {}):
            if kind != "vault":
                yield Reference(kind, value, tree.file, line, principal=principal.subject)
