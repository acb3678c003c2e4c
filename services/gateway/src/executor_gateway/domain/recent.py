"""A small bounded memory of what was found lately."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keeps at most `size` answers, each for at most `seconds`; the least recently used goes first.

    `forget` begins a new generation: an answer that was asked for before it is not kept, since it may
    already have been stale when it came.
    """

    def __init__(self, size: int, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._seconds = seconds
        self._now = now
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self.generation = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K) -> V | None:
        """What was kept under `key`, if it is not too old."""
        found = self._kept.get(key)
        if found is None:
            return None
        until, value = found
        if until <= self._now():
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return value

    def keep(self, key: K, value: V, generation: int) -> None:
        """Keep `value`, which was asked for in `generation`."""
        if generation != self.generation:
            return
        self._kept[key] = (self._now() + self._seconds, value)
        self._kept.move_to_end(key)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def forget(self) -> None:
        """Drop everything."""
        self.generation += 1
        self._kept.clear()

    def drop(self, key: K) -> None:
        """Drop one answer."""
        self._kept.pop(key, None)
