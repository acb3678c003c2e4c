"""The names that MCP clients see: short, plain, unique under case folding, and never given twice."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from executor_shared.contracts.catalog import Connection

MIN_LIMIT = 32
MAX_LIMIT = 64
DEFAULT_LIMIT = 46
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")
_MARK = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """A tool that needs a name. `owner` in full (`user:alice`), unlike in addresses."""

    integration: str
    owner: str
    connection: str
    own_name: str

    @property
    def full(self) -> str:
        """What no other tool of the tenant shares."""
        return f"{self.integration}.{self.owner}.{self.connection}.{self.own_name}"

    @classmethod
    def of(cls, connection: Connection, own_name: str) -> "Wanted":
        """The tool of a connection."""
        return cls(connection.integration, connection.owner, connection.name, own_name)


class Names:
    """The names of a tenant, tombstones included: what was given once is never given to another."""

    def __init__(self, given: Mapping[str, str], limit: int = DEFAULT_LIMIT) -> None:
        """Start from names already `given` (name to tool id)."""
        self._taken = {name.casefold() for name in given}
        self._limit = limit

    def give(self, wanted: Wanted) -> str:
        """A name for a tool that has none, the same for the same tool whenever that is possible."""
        for candidate in _candidates(wanted, self._limit):
            if candidate.casefold() not in self._taken:
                self._taken.add(candidate.casefold())
                return candidate
        raise AssertionError("the candidates never end")

    def give_all(self, wanted: list[Wanted]) -> dict[Wanted, str]:
        """Names for many tools, independent of the order of the list."""
        return {one: self.give(one) for one in sorted(wanted, key=lambda one: one.full)}


def _candidates(wanted: Wanted, limit: int) -> Iterator[str]:
    plain = _fit(f"{wanted.integration}__{wanted.own_name}")
    longer = _fit(f"{wanted.integration}-{wanted.connection}__{wanted.own_name}")
    for name in (plain, longer):
        yield name if len(name) <= limit else _hashed(name, wanted.full, limit)
    yield _hashed(longer, wanted.full, limit)
    attempt = 0
    while True:  # two different tools with the same 32 bits: rehash until free
        attempt += 1
        yield _hashed(longer, f"{wanted.full}#{attempt}", limit)


def _fit(name: str) -> str:
    return _UNFIT.sub("_", name)


def _hashed(name: str, full: str, limit: int) -> str:
    mark = hashlib.sha256(full.encode()).hexdigest()[:_MARK]
    return f"{name[: limit - _MARK - 1]}_{mark}"
