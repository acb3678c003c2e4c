"""How stored arguments are kept unreadable."""

from typing import Protocol


class ArgumentsVault(Protocol):
    """Keeps stored arguments unreadable outside this service."""

    def seal(self, plain: bytes, bound_to: bytes) -> bytes:
        """Encrypt; opens only with the same `bound_to`."""
        ...

    def open(self, sealed: bytes, bound_to: bytes) -> bytes:
        """Decrypt.

        Raises:
            InternalError: altered, moved to another row, or sealed with another key.

        """
        ...
