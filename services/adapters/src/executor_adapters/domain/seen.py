"""Call ids that this worker has taken: a grant runs once here, whoever sends it again."""

from collections import OrderedDict

from executor_shared.clock import Clock
from executor_shared.errors import BusyError, GrantRefusedError

_MAX = 200_000


class SeenCalls:
    """Remembers each call id until its grant's deadline has passed; a grant is refused after that anyway."""

    def __init__(self, clock: Clock, bound: int = _MAX) -> None:
        """Remember at most `bound` at once."""
        self._clock = clock
        self._bound = bound
        self._deadlines: OrderedDict[str, float] = OrderedDict()

    def take(self, call: str, deadline: float) -> None:
        """Take a call id.

        Raises:
            GrantRefusedError: it was taken before.
            BusyError: more unexpired calls than can be remembered; nothing was done.

        """
        if call in self._deadlines:
            raise GrantRefusedError("The grant was used before; nothing was sent.")
        self._forget_past()
        if len(self._deadlines) >= self._bound:
            raise BusyError("This worker has more calls in hand than it can remember; nothing was sent.")
        self._deadlines[call] = deadline

    def _forget_past(self) -> None:
        now = self._clock.now()
        while self._deadlines:
            oldest, deadline = next(iter(self._deadlines.items()))
            if deadline > now:
                return
            del self._deadlines[oldest]
