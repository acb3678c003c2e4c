"""Fetching what documents refer to, and the body of a plan or apply request."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from executor_shared.document.problems import DocumentError, Problem
from executor_shared.document.read import Configuration, Reference, Source
from executor_shared.document.references import inputs_of
from executor_shared.sealing import seal_values

ONLY_INPUT = "token"
KEY_LENGTH = 20
"""Least characters of an API key; it may be tried as often as somebody likes."""

_SHORT = f"an API key needs at least {KEY_LENGTH} characters; make one with `openssl rand -hex 32`"


class Reader(Protocol):
    """Where references lead."""

    def env(self, name: str) -> str | None:
        """The value of an environment variable; None: not set."""
        ...

    def file(self, document: str, path: str) -> str | None:
        """The text of a file beside a document; None: it cannot be read."""
        ...


@dataclass(slots=True)
class Collected:
    """What the references led to.

    Attributes:
        files: texts of descriptions by path.
        values: connection to input to secret. Secret.
        proofs: hexadecimal SHA-256 digests of API keys by subject.

    """

    files: dict[str, str] = field(default_factory=dict[str, str])
    values: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]], repr=False)
    proofs: dict[str, str] = field(default_factory=dict[str, str])

    def take(self, reference: Reference, text: str, *, only_input: str = ONLY_INPUT) -> None:
        """Put what was found where it belongs; the newline at the end of a secret's file is not part of it."""
        secret = text.rstrip("\r\n") if reference.kind == "file" else text
        if reference.connection:
            inputs = self.values.setdefault(reference.connection, {})
            inputs[reference.input or only_input] = secret
        elif reference.principal:
            self.proofs[reference.principal] = hashlib.sha256(secret.encode()).hexdigest()
        else:
            self.files[reference.name] = text


def collect(configuration: Configuration, reader: Reader) -> Collected:
    """Everything that the documents refer to.

    Raises:
        DocumentError: with every reference that leads nowhere.

    """
    collected = Collected()
    problems: list[Problem] = []
    for reference in configuration.references:
        is_env = reference.kind == "env"
        text = reader.env(reference.name) if is_env else reader.file(reference.file, reference.name)
        if text and reference.principal and len(text.strip()) < KEY_LENGTH:
            problems.append(Problem(reference.file, reference.line, _place(reference), _SHORT))
            continue
        if text:
            collected.take(reference, text, only_input=_only_input(configuration, reference))
            continue
        why = "is not set" if is_env else "cannot be read, or is empty"
        what = "environment variable" if is_env else "file"
        path = _place(reference)
        problems.append(Problem(reference.file, reference.line, path, f"the {what} {reference.name} {why}"))
    if problems:
        raise DocumentError(problems)
    return collected


def _only_input(configuration: Configuration, reference: Reference) -> str:
    """What the one value of a credential is called: as the method says, where a document defines it."""
    connection = next((c for c in configuration.connections if c.key == reference.connection), None)
    if connection is None:
        return ONLY_INPUT
    methods = [m for i in configuration.integrations if i.slug == connection.integration for m in i.auth]
    method = next((m for m in methods if connection.auth in {None, m.name}), None)
    return inputs_of(method)[0] if method else ONLY_INPUT


def _place(reference: Reference) -> tuple[str, ...]:
    if reference.connection:
        return (f"connection {reference.connection}", "credential")
    return (f"principal {reference.principal}", "key") if reference.principal else ("integrations",)


def request_body(
    sources: Sequence[Source], collected: Collected, *, tenant: str, public_key: bytes, prune: bool = False
) -> dict[str, Any]:
    """The JSON body of `POST /config/plan` and `/config/apply`: secrets only sealed to the vault-broker.

    Args:
        sources: the documents as they were read.
        collected: what their references led to.
        tenant: of the caller (`GET /me`).
        public_key: the broker's (`GET /credentials/sealing-key`).
        prune: also remove what the documents do not name.

    """
    sealed = {
        connection: base64.b64encode(seal_values(public_key, tenant, connection, values)).decode()
        for connection, values in collected.values.items()
    }
    documents = [{"file": source.file, "text": source.text} for source in sources]
    return {
        "documents": documents,
        "files": collected.files,
        "credentials": sealed,
        "keys": collected.proofs,
        "prune": prune,
    }
