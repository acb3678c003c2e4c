"""Settings from the environment, with errors that name the variable and never repeat its value."""

import difflib
import os
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from executor_shared.contracts.base import ServiceName
from executor_shared.errors import InvalidRequestError
from executor_shared.settings import DatabaseSettings, GrantKeysSettings, ServiceSettings

_PREFIX = "EXECUTOR_"
_NEST = "__"
_NEAR = 3
_COMMAND_LINE = frozenset({"EXECUTOR_DATA_DIR", "EXECUTOR_URL", "EXECUTOR_TOKEN"})
"""What the `executor` command reads; it may stand in the same environment."""

S = TypeVar("S", bound=ServiceSettings)


class SharedBlocks(ServiceSettings):
    """Blocks that several services have; one environment may hold them for all."""

    database: DatabaseSettings = DatabaseSettings()  # pyright: ignore[reportCallIssue]
    grants: GrantKeysSettings = GrantKeysSettings()  # pyright: ignore[reportCallIssue]


def settings_of(settings: type[S]) -> S:
    """Settings from the process's environment.

    Raises:
        InvalidRequestError: a value is missing or wrong; `details["field"]` is the variable's name.

    """
    try:
        return settings()
    except ValidationError as error:
        # The text of the original repeats the values, which may be secrets.
        found = error.errors(include_input=False, include_url=False, include_context=False)
        lines = [(_variable(one["loc"]), one["msg"]) for one in found]
        raise InvalidRequestError(
            "\n".join(f"{name}: {why}." for name, why in lines), details={"field": lines[0][0]}
        ) from None


def _variable(place: Iterable[int | str]) -> str:
    return _PREFIX + _NEST.join(str(part).upper() for part in place)


def names_of(settings: Iterable[type[BaseModel]]) -> set[str]:
    """Every environment name that these settings understand; a trailing `__` stands for any name below."""
    found: set[str] = set()
    for one in settings:
        found |= _below(one, _PREFIX)
    return found


def _below(model: type[BaseModel], prefix: str) -> set[str]:
    found: set[str] = set()
    for name, field in model.model_fields.items():
        full = prefix + name.upper()
        found.add(full)
        annotation: Any = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            found |= _below(annotation, full + _NEST)
        elif "dict" in str(annotation).lower() or "Mapping" in str(annotation):
            found.add(full + _NEST)
    return found


def check_environment(
    settings: Iterable[type[ServiceSettings]], environment: Mapping[str, str] | None = None
) -> None:
    """Refuse names that nothing understands: a misspelt setting must not be silently without effect.

    Blocks of services that are not in `settings` are left to those services.

    Raises:
        InvalidRequestError: with the unknown names and the nearest known ones.

    """
    given = os.environ if environment is None else environment
    listed = tuple(settings)
    known = names_of((*listed, SharedBlocks)) | _COMMAND_LINE
    below = {name for name in known if name.endswith(_NEST)}
    own = {name.upper() for one in listed for name in one.model_fields}
    others = {name.replace("-", "_").upper() for name in ServiceName} - own
    below |= {f"{_PREFIX}{name}{_NEST}" for name in others}
    unknown = sorted(
        name
        for name in given
        if name.startswith(_PREFIX) and name not in known and not any(name.startswith(b) for b in below)
    )
    if unknown:
        raise InvalidRequestError(
            "\n".join(_unknown(name, known) for name in unknown), details={"field": unknown[0]}
        )


def _unknown(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, [one for one in known if not one.endswith(_NEST)], _NEAR)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"{name} is not a setting.{hint}"
