"""Sealing what clients carry for us (session ids, cursors), so that any replica can believe it."""

import base64
import binascii
import hashlib
import hmac

_MAC_BYTES = 16
_MAX_LENGTH = 2048


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class KeyRing:
    """HMAC-SHA256 keys shared by all replicas: the first one seals, every one opens.

    What is sealed can be read by its bearer but not made or altered. `purpose` is part of the seal, so
    that one thing cannot be passed off as another.
    """

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        """Take secret keys of at least 32 bytes; at least one."""
        if not keys or any(len(key) < 32 for key in keys):  # noqa: PLR2004 - the digest's own length
            raise ValueError("the key ring needs at least one key, each of at least 32 bytes")
        self._keys = keys

    @staticmethod
    def _mark(key: bytes, purpose: str, payload: bytes) -> bytes:
        return hmac.digest(key, purpose.encode() + b"\0" + payload, hashlib.sha256)[:_MAC_BYTES]

    def seal(self, purpose: str, payload: bytes) -> str:
        """`payload` with its mark, in visible ASCII."""
        return f"{_b64(payload)}.{_b64(self._mark(self._keys[0], purpose, payload))}"

    def open(self, purpose: str, text: str) -> bytes | None:
        """The payload, or None where it was not sealed by one of the keys for this purpose."""
        if len(text) > _MAX_LENGTH or not text.isascii():
            return None
        body, _, mark = text.partition(".")
        try:
            payload = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        for key in self._keys:
            if hmac.compare_digest(_b64(self._mark(key, purpose, payload)), mark):
                return payload
        return None
