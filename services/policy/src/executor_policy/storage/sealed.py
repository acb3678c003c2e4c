"""Stored arguments are encrypted: AES-256-GCM, bound to the row that they stand in."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from executor_shared.errors import InternalError

_VERSION = b"\x01"
_NONCE = 12


class AesArguments:
    """The vault of stored arguments."""

    def __init__(self, key: bytes) -> None:
        """Take the 32-byte key."""
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, bound_to: bytes) -> bytes:
        """Encrypt."""
        nonce = secrets.token_bytes(_NONCE)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, _VERSION + bound_to)

    def open(self, sealed: bytes, bound_to: bytes) -> bytes:
        """Decrypt; see `ArgumentsVault`."""
        version, nonce, box = sealed[:1], sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            return self._cipher.decrypt(nonce, box, version + bound_to)
        except (InvalidTag, ValueError) as error:
            raise InternalError(
                "The stored arguments cannot be opened: they were altered, or the arguments key is another "
                "one than when the call was stored. Nothing was run."
            ) from error
