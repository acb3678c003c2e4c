"""Credentials for granted calls: leased each time, or kept for a few seconds for calls that only read."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from executor_adapters.domain.ports import Leases
from executor_adapters.domain.redaction import Redactor
from executor_shared.clock import Clock
from executor_shared.contracts.vault_broker import LeasedCredential
from executor_shared.grants import Grant

_MAX_KEPT = 1024
Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Held:
    """A leased credential and what finds its secrets in an answer."""

    credential: LeasedCredential | None
    redactor: Redactor
    until: float = 0.0


NOTHING = Held(None, Redactor(()))


@dataclass(slots=True)
class Leasing:
    """Spends grants at the broker. Kept leases are in memory only and bounded in number and time."""

    broker: Leases
    clock: Clock
    _kept: "OrderedDict[Key, Held]" = field(default_factory=OrderedDict)
    _under_way: dict[Key, asyncio.Event] = field(default_factory=dict[Key, asyncio.Event])
    _changes: int = 0

    async def __call__(self, grant: Grant, signed: str) -> Held:
        """What this granted call may use.

        Raises:
            ExecutorError: refused or unavailable; nothing may be sent.

        """
        reads = grant.purpose == "call" and grant.effect == "read"
        if grant.credential is None and (reads or grant.purpose == "discover"):
            return NOTHING
        key = (grant.tenant, grant.credential or "", grant.connection, grant.origin)
        if not reads:
            return await self._leased(key, signed, keep=False)
        return self._fresh(key) or await self._in_turn(key, signed)

    async def _in_turn(self, key: Key, signed: str) -> Held:
        """Of many calls that need the same lease at once, one asks and the others wait for what it gets."""
        first = self._under_way.get(key)
        if first is not None:
            await first.wait()
            return self._fresh(key) or await self._leased(key, signed, keep=True)
        self._under_way[key] = done = asyncio.Event()
        try:
            return await self._leased(key, signed, keep=True)
        finally:
            del self._under_way[key]
            done.set()

    async def _leased(self, key: Key, signed: str, *, keep: bool) -> Held:
        changes = self._changes
        credential = await self.broker.lease(signed)
        if credential is None:
            return NOTHING
        until = min(credential.expires_at, self.clock.now() + credential.reuse)
        held = Held(credential, Redactor(credential.secrets), until)
        if keep and credential.reuse > 0 and changes == self._changes:
            self._keep(key, held)
        return held

    def _fresh(self, key: Key) -> Held | None:
        kept = self._kept.get(key)
        return kept if kept and kept.until > self.clock.now() else None

    def drop(self, credential: str) -> None:
        """Forget a credential that changed; one being leased right now is not kept either."""
        self._changes += 1
        for key in [key for key in self._kept if key[1] == credential]:
            del self._kept[key]

    def _keep(self, key: Key, held: Held) -> None:
        self._kept[key] = held
        self._kept.move_to_end(key)
        if len(self._kept) > _MAX_KEPT:
            self._kept.popitem(last=False)
