"""Sealing secrets to a key: HPKE (RFC 9180) base mode, X25519, HKDF-SHA256, AES-128-GCM.

Two uses: values on their way into the vault-broker, and leases on their way to one worker. The `info`
binds a sealed box to its purpose, so one cannot be opened as another.
"""

import hashlib

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from executor_shared.contracts.vault_broker import LeasedCredential
from executor_shared.errors import InvalidRequestError

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)


def new_private_key() -> X25519PrivateKey:
    """A fresh key, for one lease."""
    return X25519PrivateKey.generate()


def _values_info(tenant: str, connection: str) -> bytes:
    return hashlib.sha256(b"executor/values/v1\0" + tenant.encode() + b"\0" + connection.encode()).digest()


def _lease_info(grant: str) -> bytes:
    return hashlib.sha256(b"executor/lease/v1\0" + grant.encode()).digest()


def seal_values(public_key: bytes, tenant: str, connection: str, values: dict[str, str]) -> bytes:
    """Seal a credential's values to the broker.

    Args:
        public_key: from `GET_SEALING_KEY`.
        tenant: the tenant that the connection belongs to.
        connection: `<integration>/<owner>/<name>`.
        values: input name to secret.

    """
    key = X25519PublicKey.from_public_bytes(public_key)
    return _SUITE.encrypt(msgspec.json.encode(values), key, _values_info(tenant, connection))


def open_values(private_key: X25519PrivateKey, tenant: str, connection: str, sealed: bytes) -> dict[str, str]:
    """The values that were sealed for exactly this tenant and connection.

    Raises:
        InvalidRequestError: sealed to another key or for another connection, or altered.

    """
    try:
        plain = _SUITE.decrypt(sealed, private_key, _values_info(tenant, connection))
        return msgspec.json.decode(plain, type=dict[str, str])
    except (InvalidTag, ValueError, msgspec.MsgspecError) as error:
        raise InvalidRequestError(
            "The sealed credential cannot be opened: it was sealed to another key or for another connection.",
            details={"field": "sealed"},
        ) from error


def seal_lease(public_key: bytes, grant: str, lease: LeasedCredential) -> bytes:
    """Seal a lease to the worker that presented `grant`."""
    key = X25519PublicKey.from_public_bytes(public_key)
    return _SUITE.encrypt(msgspec.json.encode(lease), key, _lease_info(grant))


def open_lease(private_key: X25519PrivateKey, grant: str, sealed: bytes) -> LeasedCredential:
    """The lease, which only the asking worker can open.

    Raises:
        ValueError: altered, or sealed to another key or grant.

    """
    try:
        return msgspec.json.decode(
            _SUITE.decrypt(sealed, private_key, _lease_info(grant)), type=LeasedCredential
        )
    except (InvalidTag, msgspec.MsgspecError) as error:
        raise ValueError("the lease cannot be opened") from error
