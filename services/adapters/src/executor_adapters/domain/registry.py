"""The adapter kinds of this worker: chosen at start, unchangeable after."""

import re
from collections.abc import Iterable, Mapping

from executor_adapters.domain.kind import API_VERSION, Adapter, AdapterKind
from executor_shared.errors import InvalidRequestError

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


def choose(found: Iterable[AdapterKind], enabled: Iterable[str]) -> tuple[AdapterKind, ...]:
    """The enabled kinds among those that are installed.

    Raises:
        InvalidRequestError: one is missing, provided twice, misnamed, or made for another version.

    """
    installed: dict[str, AdapterKind] = {}
    for kind in found:
        if not _NAME.fullmatch(kind.name):
            raise InvalidRequestError(f"The adapter kind {kind.name!r} needs a name of [a-z][a-z0-9-]*.")
        if kind.name in installed:
            raise InvalidRequestError(f"Two packages provide the adapter kind {kind.name!r}; uninstall one.")
        installed[kind.name] = kind
    chosen = tuple(dict.fromkeys(enabled))
    for name in chosen:
        if name not in installed:
            raise InvalidRequestError(
                f"EXECUTOR_ADAPTERS__ENABLED_KINDS names {name!r}, which is not installed. "
                f"Installed: {', '.join(sorted(installed))}.",
                details={"field": "adapters.enabled_kinds"},
            )
        if installed[name].api_version != API_VERSION:
            raise InvalidRequestError(
                f"The adapter kind {name!r} was made for version {installed[name].api_version} of the adapter "
                f"interface; this is version {API_VERSION}."
            )
    return tuple(installed[name] for name in chosen)


class Registry:
    """Opened adapters by kind."""

    def __init__(self, adapters: Mapping[str, Adapter]) -> None:
        """Take them as they are."""
        self._adapters = dict(adapters)

    def get(self, kind: str) -> Adapter:
        """The adapter of a kind.

        Raises:
            InvalidRequestError: this worker has none.

        """
        if kind not in self._adapters:
            raise InvalidRequestError(
                f"kind: there is no adapter kind {kind!r}; accepted: {', '.join(sorted(self._adapters))}.",
                details={"field": "kind"},
            )
        return self._adapters[kind]
