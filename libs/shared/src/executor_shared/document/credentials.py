"""How a document names a secret: `{env: NAME}`, `{file: path}`, `{vault: "mount/path#field"}`."""

import re
from typing import Literal, cast

Kind = Literal["env", "file", "vault"]
_KINDS: tuple[Kind, ...] = ("env", "file", "vault")
_INPUT = re.compile(r"[a-z_][a-z0-9_]{0,63}")
_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VAULT = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+(#[A-Za-z0-9_.-]+)?")
_EXPECTED = "expected {env: NAME}, {file: path} or {vault: 'mount/path#field'}, never the secret itself"


def single(value: dict[str, object]) -> tuple[Kind, str] | None:
    """The kind and name of one reference; None where it is none."""
    if len(value) != 1:
        return None
    (kind, name), *_ = value.items()
    return (kind, name) if kind in _KINDS and isinstance(name, str) else None


def _check_name(kind: Kind, name: str) -> None:
    if kind == "env" and not _ENV.fullmatch(name):
        raise ValueError("env: expected the name of an environment variable")
    if kind == "file" and not name:
        raise ValueError("file: expected a path")
    if kind == "vault" and (not _VAULT.fullmatch(name) or ".." in re.split(r"[/#]", name)):
        raise ValueError("vault: expected mount/path#field")


def check_credential(value: dict[str, object]) -> dict[str, object]:
    """A reference, or one for every input of the method.

    Raises:
        ValueError: anything else; the text does not repeat the value, which may be a secret.

    """
    if found := single(value):
        _check_name(*found)
        return value
    if not value:
        raise ValueError(_EXPECTED)
    for name, part in value.items():
        inner = single(cast("dict[str, object]", part)) if isinstance(part, dict) else None
        if name in _KINDS or not _INPUT.fullmatch(name) or inner is None:
            raise ValueError(f"{_EXPECTED}; for several inputs, one of these for each")
        if inner[0] == "vault":
            raise ValueError(
                "a vault reference stands alone: {vault: 'mount/path'} gives every field of the secret"
            )
        _check_name(*inner)
    return value


def check_key(value: dict[str, object]) -> dict[str, object]:
    """The reference to an API key.

    Raises:
        ValueError: anything but `{env: NAME}` or `{file: path}`.

    """
    found = single(value)
    if found is None or found[0] == "vault":
        raise ValueError("expected {env: NAME} or {file: path}, never the key itself")
    _check_name(*found)
    return value


def parts_of(value: dict[str, object]) -> list[tuple[str | None, Kind, str]]:
    """Input name (None: the method's only one), kind and name of every reference of a checked credential."""
    if found := single(value):
        return [(None, *found)]
    inner = ((name, single(cast("dict[str, object]", part))) for name, part in value.items())
    return [(name, *found) for name, found in inner if found]
