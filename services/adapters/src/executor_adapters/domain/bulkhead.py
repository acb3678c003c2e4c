"""One slow upstream may hold so many calls and no more; the others go on."""

from collections.abc import Generator
from contextlib import contextmanager

from executor_shared.errors import BusyError


class Bulkhead:
    """Counts calls under way by origin."""

    def __init__(self, per_origin: int) -> None:
        """Let at most `per_origin` through at once."""
        self._limit = per_origin
        self._under_way: dict[str, int] = {}

    @contextmanager
    def passage(self, origin: str) -> Generator[None]:
        """Room for one call.

        Raises:
            BusyError: there is none; nothing was sent.

        """
        count = self._under_way.get(origin, 0)
        if count >= self._limit:
            raise BusyError(
                f"{origin} has {count} calls under way already; nothing was sent. Try again in a moment."
            )
        self._under_way[origin] = count + 1
        try:
            yield
        finally:
            left = self._under_way[origin] - 1
            if left:
                self._under_way[origin] = left
            else:
                del self._under_way[origin]
