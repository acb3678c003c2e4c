"""Putting back what was done, when a later step fails."""

from collections.abc import Awaitable, Callable

import structlog

from executor_shared.errors import ExecutorError, rebuild

_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.apply")


class Undo:
    """Steps that put things back, run in reverse order."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, Callable[[], Awaitable[object]]]] = []

    def add(self, what: str, step: Callable[[], Awaitable[object]]) -> None:
        """Remember how to put back what was just done; `what` names it for people."""
        self._steps.append((what, step))

    def forget(self) -> None:
        """Put nothing back: all is done, or it is not known whether the last step was."""
        self._steps.clear()

    async def run(self) -> list[str]:
        """Put everything back; the names of what could not be."""
        left: list[str] = []
        while self._steps:
            what, step = self._steps.pop()
            try:
                await step()
            except ExecutorError as error:
                _log.warning("apply.not_put_back", what=what, reason=error.code)
                left.append(what)
        return left


def named(error: ExecutorError, what: str) -> ExecutorError:
    """The same error, saying what it is about."""
    if error.message.startswith(what):
        return error
    return rebuild(error.code, f"{what}: {error.message}", error.details)


def with_remains(error: ExecutorError, left: list[str]) -> ExecutorError:
    """The same error, saying what could not be put back."""
    if not left:
        return error
    text = f"{error.message} Not put back: {', '.join(left)}; apply again to make it whole."
    return rebuild(error.code, text, {**error.details, "not_put_back": left})
