"""Call ids that were granted lately. The database is the truth for what changes something; this for reads."""

from collections import OrderedDict

_MOST = 200_000


class SeenCalls:
    """Remembers ids until their deadline; bounded."""

    def __init__(self) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()

    def take(self, call: str, until: float, now: float) -> bool:
        """Whether the id is fresh; it is not, from now on."""
        while self._until:
            oldest, its_end = next(iter(self._until.items()))
            if its_end > now and len(self._until) < _MOST:
                break
            del self._until[oldest]
        if call in self._until:
            return False
        self._until[call] = until
        return True
