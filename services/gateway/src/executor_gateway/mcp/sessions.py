"""Legacy sessions without a store: the id carries what is known, sealed; only ended ones are remembered."""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from executor_gateway.domain.keyring import KeyRing
from executor_shared.contracts.vocabulary import Principal

_PURPOSE = "session"
_ENDED_KEPT = 100_000
_CLIENT_SHOWN = 100


class Session(msgspec.Struct, frozen=True, array_like=True):
    """What a session id says.

    Attributes:
        owner: digest of tenant and subject.
        path: of the endpoint that it was opened on.
        version: the negotiated revision.
        client: name that the client gave itself.
        expires_at: seconds since the epoch.

    """

    id: str
    owner: bytes
    path: str
    version: str
    client: str
    expires_at: float


def _owner(principal: Principal) -> bytes:
    tenant = principal.tenant.encode()
    return hashlib.sha256(len(tenant).to_bytes(4, "big") + tenant + principal.subject.encode()).digest()[:16]


class Sessions:
    """Opens, believes and ends sessions. Every replica with the same keys believes the same ids."""

    def __init__(self, keys: KeyRing, seconds: float, now: Callable[[], float] = time.time) -> None:
        """Sessions last for `seconds` from their opening."""
        self._keys = keys
        self._seconds = seconds
        self._now = now
        self._ended: OrderedDict[str, float] = OrderedDict()
        self._decoder = msgspec.json.Decoder(Session)

    def open(self, principal: Principal, path: str, version: str, client: str) -> str:
        """A new session's id."""
        expires = self._now() + self._seconds
        session = Session(
            secrets.token_hex(16), _owner(principal), path, version, client[:_CLIENT_SHOWN], expires
        )
        return self._keys.seal(_PURPOSE, msgspec.json.encode(session))

    def find(self, text: str, principal: Principal, path: str) -> Session | None:
        """The session; None where it is unknown, over, ended, another principal's or another endpoint's."""
        payload = self._keys.open(_PURPOSE, text)
        if payload is None:
            return None
        try:
            session = self._decoder.decode(payload)
        except msgspec.MsgspecError:
            return None
        if session.id in self._ended or session.expires_at <= self._now():
            return None
        return session if session.owner == _owner(principal) and session.path == path else None

    def end(self, session: str, expires_at: float) -> None:
        """Refuse a session from now on; heard of every replica."""
        now = self._now()
        self._ended[session] = min(expires_at, now + self._seconds)
        while self._ended and (len(self._ended) > _ENDED_KEPT or next(iter(self._ended.values())) <= now):
            self._ended.popitem(last=False)
