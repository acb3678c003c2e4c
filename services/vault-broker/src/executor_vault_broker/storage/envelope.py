"""Envelope encryption: AES-256-GCM under a data key of the version's own, wrapped by the master key's."""

import secrets
from dataclasses import dataclass

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from executor_shared.errors import CredentialUnavailableError
from executor_vault_broker.domain.keyring import KeyRing
from executor_vault_broker.domain.record import Key, Record

_NONCE = 12
_KEY_BITS = 256


@dataclass(frozen=True, slots=True)
class Envelope:
    """An encrypted record and its wrapped data key.

    Attributes:
        key_id: which master key wrapped it.

    """

    key_id: str
    wrapped_key: bytes
    box: bytes


def _bound_to(use: bytes, *parts: str | int) -> bytes:
    """Associated data: what the ciphertext belongs to, each part preceded by its length."""
    encoded = [str(part).encode() for part in parts]
    return use + b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def _encrypt(key: bytes, plain: bytes, bound_to: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to)


def _decrypt(key: bytes, box: bytes, bound_to: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(box[:_NONCE], box[_NONCE:], bound_to)
    except (InvalidTag, ValueError) as error:
        raise CredentialUnavailableError(
            "A stored credential cannot be opened: its row was altered or moved. Store the credential again."
        ) from error


class Envelopes:
    """Closes and opens envelopes with a key ring."""

    def __init__(self, ring: KeyRing) -> None:
        """New ones are wrapped under the ring's present key."""
        self._ring = ring

    @property
    def key_id(self) -> str:
        """Id of the present master key."""
        return self._ring.present_id

    def close(self, key: Key, version: int, record: Record) -> Envelope:
        """Encrypt a record for exactly this tenant, reference and version."""
        data_key = AESGCM.generate_key(_KEY_BITS)
        box = _encrypt(data_key, msgspec.json.encode(record), _bound_to(b"r1", key.tenant, key.ref, version))
        return Envelope(self.key_id, self._wrap(key, version, data_key), box)

    def open(self, key: Key, version: int, envelope: Envelope) -> Record:
        """Decrypt.

        Raises:
            CredentialUnavailableError: altered, another row's, or wrapped by a master key unknown here.

        """
        data_key = self._unwrap(key, version, envelope)
        plain = _decrypt(data_key, envelope.box, _bound_to(b"r1", key.tenant, key.ref, version))
        return msgspec.json.decode(plain, type=Record)

    def rewrap(self, key: Key, version: int, envelope: Envelope) -> Envelope:
        """The same record under the present master key."""
        data_key = self._unwrap(key, version, envelope)
        return Envelope(self.key_id, self._wrap(key, version, data_key), envelope.box)

    def _wrap(self, key: Key, version: int, data_key: bytes) -> bytes:
        bound_to = _bound_to(b"k1", key.tenant, key.ref, version, self.key_id)
        return _encrypt(self._wrapping(self.key_id), data_key, bound_to)

    def _unwrap(self, key: Key, version: int, envelope: Envelope) -> bytes:
        bound_to = _bound_to(b"k1", key.tenant, key.ref, version, envelope.key_id)
        return _decrypt(self._wrapping(envelope.key_id), envelope.wrapped_key, bound_to)

    def _wrapping(self, id_: str) -> bytes:
        found = self._ring.wrapping_key(id_)
        if found is None:
            raise CredentialUnavailableError(
                f"A stored credential was encrypted under master key {id_}, which is not configured. Set the "
                "earlier key in EXECUTOR_VAULT_BROKER__PREVIOUS_MASTER_KEYS, or store the credential again."
            )
        return found
