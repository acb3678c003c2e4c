"""The master key and those it replaced; every use has a key of its own, derived by HKDF (RFC 5869)."""

import hashlib
import hmac

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from executor_vault_broker.domain.record import Record

MASTER_KEY_BYTES = 32
_ID_BYTES = 8


def _derive(master: bytes, use: bytes) -> bytes:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"executor/vault-broker/v1/" + use)
    return hkdf.derive(master)


class KeyRing:
    """Keys derived from the present master key, and from others that are still known.

    All replicas have the same master key, so all have the same sealing key.
    """

    def __init__(self, present: bytes, others: tuple[bytes, ...] = ()) -> None:
        """Take master keys of 32 bytes each."""
        masters = (present, *others)
        if any(len(master) != MASTER_KEY_BYTES for master in masters):
            raise ValueError("a master key has 32 bytes")
        self._sealing = tuple(X25519PrivateKey.from_private_bytes(_derive(m, b"sealing")) for m in masters)
        self._digest = tuple(_derive(master, b"digest") for master in masters)
        ids = [_derive(master, b"id")[:_ID_BYTES].hex() for master in masters]
        self._wrapping = {id_: _derive(master, b"wrap") for id_, master in zip(ids, masters, strict=True)}
        self.present_id = ids[0]

    @property
    def sealing_keys(self) -> tuple[X25519PrivateKey, ...]:
        """Private keys that values may be sealed to; the present one first."""
        return self._sealing

    @property
    def public_key(self) -> bytes:
        """The present public sealing key, 32 bytes."""
        return self._sealing[0].public_key().public_bytes_raw()

    def wrapping_key(self, id_: str) -> bytes | None:
        """The key that wraps data keys, by its id; None where its master key is not known here."""
        return self._wrapping.get(id_)

    def digests(self, record: Record) -> tuple[str, ...]:
        """Keyed digests of a record under every known key, the present one first."""
        content = msgspec.json.encode(record, order="deterministic")
        return tuple(hmac.new(key, content, hashlib.sha256).hexdigest() for key in self._digest)
