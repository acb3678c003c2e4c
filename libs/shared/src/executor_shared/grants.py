"""Grants: policy's signed yes for one call, which workers and the vault-broker verify for themselves.

Ed25519 (RFC 8032) over the exact payload bytes; the form is `v1.<payload>.<signature>` in base64url.
"""

import base64
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from executor_shared.clock import Clock, SystemClock
from executor_shared.contracts.base import Message
from executor_shared.contracts.vocabulary import Effect
from executor_shared.errors import GrantRefusedError

_VERSION = "v1"
_SKEW_SECONDS = 5.0
_MAX_LENGTH = 8192


class Grant(Message, frozen=True, kw_only=True):
    """What policy said yes to.

    Attributes:
        call: id of the call; a grant is spent once under it.
        tool: address, for people and records; empty for a discovery.
        definition: `definition_hash` of the tool; empty for a discovery.
        arguments: `canonical.digest` of the arguments; empty for a discovery.
        connection: connection id, or `<integration>/<owner>/<name>` for a discovery.
        credential: reference of the credential that may be leased; None: none.
        origin: the only origin that may be reached.
        issued_at: seconds since the epoch.
        deadline: seconds since the epoch after which nothing may be started.

    """

    purpose: Literal["call", "discover"]
    call: str
    tenant: str
    subject: str
    connection: str
    origin: str
    issued_at: float
    deadline: float
    tool: str = ""
    definition: str = ""
    arguments: str = ""
    effect: Effect = "destructive"
    credential: str | None = None
    approval: str | None = None


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class GrantSigner:
    """Holds the private key; lives in policy only."""

    def __init__(self, seed: bytes) -> None:
        """Take the 32-byte Ed25519 seed."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public_key(self) -> bytes:
        """The 32-byte public key, for the verifiers' settings."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, grant: Grant) -> str:
        """The signed form."""
        payload = _b64(msgspec.json.encode(grant))
        signature = self._key.sign(f"{_VERSION}.{payload}".encode())
        return f"{_VERSION}.{payload}.{_b64(signature)}"


class GrantVerifier:
    """Knows the public keys (the present one and those on their way out)."""

    def __init__(self, public_keys: tuple[bytes, ...], clock: Clock | None = None) -> None:
        """Take 32-byte public keys; at least one."""
        if not public_keys:
            raise ValueError("a grant verifier needs at least one public key")
        self._keys = tuple(Ed25519PublicKey.from_public_bytes(key) for key in public_keys)
        self._clock = clock or SystemClock()
        self._decoder = msgspec.json.Decoder(Grant)

    def verify(self, text: str) -> Grant:
        """The grant, if it is genuine and its deadline has not passed.

        Raises:
            GrantRefusedError: otherwise, always with the same words for anything not genuine.

        """
        grant = self._genuine(text)
        now = self._clock.now()
        if grant.deadline <= now:
            raise GrantRefusedError("The grant's deadline has passed; nothing was started.")
        if grant.issued_at > now + _SKEW_SECONDS:
            raise GrantRefusedError("The grant is not valid yet.")
        return grant

    def _genuine(self, text: str) -> Grant:
        refused = GrantRefusedError("The grant is not genuine.")
        if len(text) > _MAX_LENGTH or text.count(".") != 2:  # noqa: PLR2004 - version, payload, signature
            raise refused
        signed, _, signature = text.rpartition(".")
        version, _, payload = signed.partition(".")
        try:
            mark = _unb64(signature)
            if version != _VERSION or not any(self._signed_by(key, mark, signed) for key in self._keys):
                raise refused
            return self._decoder.decode(_unb64(payload))
        except (ValueError, msgspec.MsgspecError) as error:
            raise refused from error

    @staticmethod
    def _signed_by(key: Ed25519PublicKey, mark: bytes, signed: str) -> bool:
        try:
            key.verify(mark, signed.encode())
        except InvalidSignature:
            return False
        return True
