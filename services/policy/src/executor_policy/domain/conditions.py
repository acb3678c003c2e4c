"""The language of conditions, as rules need it."""

from typing import Protocol


class ConditionFailedError(Exception):
    """A condition could not be evaluated on these arguments."""


class Condition(Protocol):
    """A compiled `when`."""

    def holds(self, arguments: dict[str, object]) -> bool:
        """Whether it holds.

        Raises:
            ConditionFailedError: a field is missing, a type does not fit, or anything else went wrong.

        """
        ...


class Conditions(Protocol):
    """The language of conditions."""

    def compile(self, text: str) -> Condition:
        """Check and compile.

        Raises:
            ValueError: outside the language; the text says what is accepted.

        """
        ...
