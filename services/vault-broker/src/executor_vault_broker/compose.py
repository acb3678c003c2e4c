"""The broker put together."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from pydantic import SecretStr

from executor_shared.bus import Bus
from executor_shared.clock import Clock, SystemClock
from executor_shared.contracts.base import ServiceName
from executor_shared.db import Database
from executor_shared.errors import ExecutorError
from executor_shared.grants import GrantVerifier
from executor_shared.service.periodic import repeated
from executor_shared.service.service import Check, Definition, Service
from executor_vault_broker.bus import UseCases, handlers, listeners
from executor_vault_broker.clients.announcer import BusAnnouncer
from executor_vault_broker.clients.no_vault import NoExternals
from executor_vault_broker.clients.vault_login import AppRoleLogin, Login, TokenLogin
from executor_vault_broker.clients.vault_session import VaultSession
from executor_vault_broker.clients.vault_store import VaultExternals, VaultStore
from executor_vault_broker.domain.facts import GetCredential
from executor_vault_broker.domain.keyring import KeyRing
from executor_vault_broker.domain.lease_credential import LeaseCredential
from executor_vault_broker.domain.ports import Announcer, CredentialStore, ExternalSecrets
from executor_vault_broker.domain.rotate import RotateMasterKey
from executor_vault_broker.domain.sealing_key import GetSealingKey
from executor_vault_broker.domain.store_credential import StoreCredential
from executor_vault_broker.domain.take_back import DeleteCredential, RevertCredential
from executor_vault_broker.settings import VaultBlock, VaultBrokerSettings, grant_keys, key_ring, required
from executor_vault_broker.storage.bindings import PostgresBindings
from executor_vault_broker.storage.cache import CachedStore, RememberedExternals, SealedMemory
from executor_vault_broker.storage.embedded import EmbeddedStore
from executor_vault_broker.storage.envelope import Envelopes
from executor_vault_broker.storage.spent import NotedLeaseTimes, PostgresSpentGrants

SCHEMA = "vault_broker"
_EVERY = 60.0
_KEEP_ALIVE_EVERY = 15.0
_WITHIN = 30.0
_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.vault_broker")


@dataclass(frozen=True, slots=True)
class Safe:
    """Where credentials are, before any cache."""

    store: CredentialStore
    external: ExternalSecrets
    embedded: EmbeddedStore
    session: VaultSession | None = None


@asynccontextmanager
async def opened_safe(
    settings: VaultBrokerSettings, db: Database, ring: KeyRing, clock: Clock
) -> AsyncGenerator[Safe]:
    """The store that the settings choose."""
    embedded = EmbeddedStore(db, Envelopes(ring))
    vault = settings.vault_broker.vault
    if settings.vault_broker.store == "embedded":
        yield Safe(embedded, NoExternals(), embedded)
        return
    session = VaultSession.open(
        address=required(vault.address, "address"),
        namespace=vault.namespace,
        ca_file=vault.ca_file,
        login=_login(vault),
        seconds=vault.timeout,
        threads=vault.threads,
        clock=clock,
    )
    async with session as opened:
        own = f"{vault.mount}/{vault.prefix}"
        externals = VaultExternals(opened, vault.external, own)
        yield Safe(VaultStore(opened, vault.mount, vault.prefix), externals, embedded, opened)


def _login(vault: VaultBlock) -> Login:
    if vault.auth == "token":
        token = vault.token.get_secret_value() if vault.token else None
        return TokenLogin(SecretStr(required(token, "token")))
    secret_id = vault.secret_id.get_secret_value() if vault.secret_id else None
    return AppRoleLogin(
        required(vault.role_id, "role_id"),
        SecretStr(required(secret_id, "secret_id")),
        vault.approle_mount,
    )


def use_cases(
    *,
    ring: KeyRing,
    verifier: GrantVerifier,
    store: CredentialStore,
    external: ExternalSecrets,
    db: Database,
    spent: PostgresSpentGrants,
    times: NotedLeaseTimes,
    announcer: Announcer,
    clock: Clock,
    reuse: float,
) -> UseCases:
    """The use cases over any store."""
    bindings = PostgresBindings(db)
    return UseCases(
        sealing_key=GetSealingKey(ring),
        store=StoreCredential(ring, store, bindings, external, announcer, clock),
        revert=RevertCredential(store, bindings, announcer),
        delete=DeleteCredential(store, bindings, announcer),
        facts=GetCredential(bindings),
        lease=LeaseCredential(
            verifier=verifier,
            store=store,
            bindings=bindings,
            external=external,
            spent=spent,
            times=times,
            clock=clock,
            reuse=reuse,
        ),
    )


@asynccontextmanager
async def compose(settings: VaultBrokerSettings, bus: Bus) -> AsyncGenerator[Service]:
    """Open what the broker needs, and yield the service."""
    clock, block = SystemClock(), settings.vault_broker
    ring = key_ring(block)
    verifier = GrantVerifier(grant_keys(settings.grants), clock)
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(Database.open(settings.database, schema=SCHEMA))
        safe = await stack.enter_async_context(opened_safe(settings, db, ring, clock))
        memory = SealedMemory(block.cache, clock)
        store = CachedStore(safe.store, memory)
        spent, times = PostgresSpentGrants(db, clock), NotedLeaseTimes(db)
        use = use_cases(
            ring=ring,
            verifier=verifier,
            store=store,
            external=RememberedExternals(safe.external, memory),
            db=db,
            spent=spent,
            times=times,
            announcer=BusAnnouncer(bus),
            clock=clock,
            reuse=block.lease_reuse,
        )

        async def start() -> None:
            await _rotate(RotateMasterKey(safe.embedded))
            for work, every, name in (
                (spent.sweep, _EVERY, "grants.sweep"),
                (times.flush, _EVERY, "lease_times.flush"),
            ):
                await stack.enter_async_context(repeated(work, every=every, within=_WITHIN, name=name))
            stack.push_async_callback(_quietly, times.flush)
            if safe.session is not None:
                await _quietly(safe.session.ping)
                keep = repeated(
                    safe.session.keep_alive, every=_KEEP_ALIVE_EVERY, within=_WITHIN, name="vault.keep_alive"
                )
                await stack.enter_async_context(keep)

        ready: dict[str, Check] = {"database": db.ping}
        if safe.session is not None:
            ready["vault"] = safe.session.ping
        yield Service(
            name=ServiceName.VAULT_BROKER,
            handlers=handlers(use),
            listeners=listeners(store.purge),
            start=start,
            ready=ready,
        )


async def _rotate(rotate: RotateMasterKey) -> None:
    """Finish a change of the master key; records that cannot be opened are left as they are."""
    try:
        result = await rotate()
    except ExecutorError as error:
        _log.error("master_key.not_rotated", reason=error.message)
        return
    if result.failed:
        _log.error("master_key.not_rotated", records=result.failed, reason="they cannot be opened")
    if result.done:
        _log.info("master_key.rotated", records=result.done)


async def _quietly(work: Check) -> None:
    """What may fail at start or end: readiness tells of it, or it is no loss."""
    try:
        await work()
    except ExecutorError as error:
        _log.warning("dependency.unavailable", reason=error.message)


VAULT_BROKER = Definition(
    name=ServiceName.VAULT_BROKER,
    settings=VaultBrokerSettings,
    compose=compose,
    migrations="executor_vault_broker.storage.migrations",
)
