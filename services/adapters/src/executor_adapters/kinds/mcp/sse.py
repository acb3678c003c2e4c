"""A bounded parser of server-sent events."""

from executor_shared.errors import Code, UpstreamError


class EventParser:
    """Takes bytes as they arrive, gives the data of each complete event.

    Line ends may be LF, CR or CRLF; fields other than `data` and comments are skipped.

    Args:
        max_event: bytes that one event may have; beyond it the stream is refused.

    """

    def __init__(self, max_event: int) -> None:
        self._max = max_event
        self._rest = bytearray()
        self._searched = 0
        self._data: list[bytes] = []
        self._size = 0
        self._after_cr = False
        self._first = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of the events that this chunk completes.

        Raises:
            UpstreamError: an event beyond the bound.

        """
        self._rest += chunk
        events: list[bytes] = []
        while (line := self._line()) is not None:
            if line:
                self._field(line)
            else:
                events += filter(None, [b"\n".join(self._data)])  # an event without data only carries an id
                self._data, self._size = [], 0
        if len(self._rest) + self._size > self._max:
            raise self._too_large()
        return events

    def _line(self) -> bytes | None:
        if self._after_cr and self._rest:
            if self._rest.startswith(b"\n"):
                del self._rest[0]
                self._searched = 0
            self._after_cr = False
        end = self._end()
        if end < 0:
            self._searched = len(self._rest)
            return None
        self._after_cr = self._rest.startswith(b"\r", end)
        line = bytes(self._rest[:end])
        del self._rest[: end + 1]
        self._searched = 0
        return line

    def _end(self) -> int:
        newline = self._rest.find(b"\n", self._searched)
        stop = newline if newline >= 0 else len(self._rest)
        carriage = self._rest.find(b"\r", self._searched, stop)
        return carriage if carriage >= 0 else newline

    def _field(self, line: bytes) -> None:
        if self._first:
            self._first = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        name, _, value = line.partition(b":")
        if name != b"data":
            return
        self._size += len(value) + 1
        if self._size > self._max:
            raise self._too_large()
        self._data.append(value.removeprefix(b" "))

    def _too_large(self) -> UpstreamError:
        return UpstreamError(
            f"The MCP server sent an event of more than {self._max} bytes.",
            code=Code.UPSTREAM_RESPONSE_TOO_LARGE,
            sent=True,
        )
