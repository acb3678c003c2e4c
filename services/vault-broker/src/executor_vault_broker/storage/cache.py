"""A short memory before a store, encrypted under a key that lives in this process alone."""

import asyncio
import secrets
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from executor_shared.clock import Clock
from executor_vault_broker.domain.ports import CredentialStore, ExternalSecrets
from executor_vault_broker.domain.record import Key, Record
from executor_vault_broker.domain.reference import Reference

_NONCE = 12
_MAX_ENTRIES = 10_000


class SealedMemory:
    """Entries by key, each for some seconds; the oldest leaves when it is full."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        """Keep entries for `seconds`; 0 keeps none."""
        self._seconds = seconds
        self._clock = clock
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self._entries: dict[Hashable, tuple[float, bytes]] = {}

    def get(self, key: Hashable) -> bytes | None:
        """The entry, while it is fresh."""
        until, box = self._entries.get(key, (0.0, b""))
        if until <= self._clock.now():
            self._entries.pop(key, None)
            return None
        return self._cipher.decrypt(box[:_NONCE], box[_NONCE:], None)

    def set(self, key: Hashable, plain: bytes) -> None:
        """Keep an entry."""
        if self._seconds <= 0:
            return
        self._entries.pop(key, None)
        if len(self._entries) >= _MAX_ENTRIES:
            self._entries.pop(next(iter(self._entries)))
        nonce = secrets.token_bytes(_NONCE)
        box = nonce + self._cipher.encrypt(nonce, plain, None)
        self._entries[key] = (self._clock.now() + self._seconds, box)

    def drop(self, matches: Callable[[Hashable], bool]) -> None:
        """Forget some entries."""
        for key in [key for key in self._entries if matches(key)]:
            del self._entries[key]


def _is_of(place: Hashable, key: Key) -> bool:
    return isinstance(place, _Place) and place.key == key


@dataclass(frozen=True, slots=True)
class _Place:
    key: Key
    version: int


class CachedStore:
    """A store whose versions are remembered for a while. Versions never change, so only a removal can be late."""

    def __init__(self, store: CredentialStore, memory: SealedMemory) -> None:
        """Before `store`."""
        self._store = store
        self._memory = memory
        self._reading: dict[_Place, asyncio.Task[Record | None]] = {}

    async def put(self, key: Key, record: Record) -> int:
        """Keep a new version."""
        return await self._store.put(key, record)

    async def get(self, key: Key, version: int) -> Record | None:
        """A version; several who ask at once cause one read."""
        place = _Place(key, version)
        if (kept := self._memory.get(place)) is not None:
            return msgspec.json.decode(kept, type=Record)
        task = self._reading.get(place)
        if task is None:
            task = self._reading[place] = asyncio.create_task(self._read(key, version))
            task.add_done_callback(lambda _done: self._reading.pop(place, None))
        return await asyncio.shield(task)

    async def _read(self, key: Key, version: int) -> Record | None:
        place = _Place(key, version)
        found = await self._store.get(key, version)
        if found is not None and self._reading.get(place) is asyncio.current_task():
            self._memory.set(place, msgspec.json.encode(found))
        return found

    async def drop(self, key: Key, version: int) -> None:
        """Make a version unreadable."""
        self.purge(key)
        await self._store.drop(key, version)
        self.purge(key)

    async def destroy(self, key: Key) -> None:
        """Remove all versions."""
        self.purge(key)
        await self._store.destroy(key)
        self.purge(key)

    def purge(self, key: Key) -> None:
        """Forget what is remembered of a credential; a read under way is not remembered either."""
        self._memory.drop(lambda place: _is_of(place, key))
        for place in [place for place in self._reading if place.key == key]:
            del self._reading[place]


class RememberedExternals:
    """External secrets, remembered for a while. A change by whoever keeps them is seen after that."""

    def __init__(self, external: ExternalSecrets, memory: SealedMemory) -> None:
        """Before `external`."""
        self._external = external
        self._memory = memory

    def check(self, tenant: str, reference: Reference) -> None:
        """Whether the tenant may name it."""
        self._external.check(tenant, reference)

    async def read(self, tenant: str, reference: Reference) -> dict[str, str] | None:
        """Its fields."""
        place = (tenant, reference.segments)
        if (kept := self._memory.get(place)) is not None:
            return msgspec.json.decode(kept, type=dict[str, str])
        found = await self._external.read(tenant, reference)
        if found is not None:
            self._memory.set(place, msgspec.json.encode(found))
        return found
