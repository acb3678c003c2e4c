"""A whole broker over the memory bus and a real PostgreSQL."""

import base64
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from executor_shared.bus import Bus, MemoryHub, MemoryTransport
from executor_shared.contracts import vault_broker as contracts
from executor_shared.contracts.base import Nothing, ServiceName
from executor_shared.contracts.vocabulary import AuthMethod, Placement
from executor_shared.grants import Grant, GrantSigner
from executor_shared.ids import new_call_id
from executor_shared.sealing import new_private_key, open_lease, seal_values
from executor_shared.settings import DatabaseSettings, GrantKeysSettings
from executor_vault_broker.compose import compose
from executor_vault_broker.settings import VaultBlock, VaultBrokerBlock, VaultBrokerSettings

TENANT, CONNECTION, ORIGIN = "default", "crm/org/main", "https://crm.example:443"
MASTER = bytes(range(32))
SIGNER = GrantSigner(bytes(range(1, 33)))
BEARER = AuthMethod(
    name="bearer",
    type="bearer",
    placements=(Placement(carrier="header", name="Authorization", prefix="Bearer "),),
)
BASIC = AuthMethod(
    name="basic",
    type="basic",
    inputs=("username", "password"),
    placements=(
        Placement(
            carrier="header",
            name="Authorization",
            prefix="Basic ",
            value="{username}:{password}",
            base64=True,
        ),
    ),
)


def secret_of(key: bytes) -> SecretStr:
    """A key as a setting."""
    return SecretStr(base64.b64encode(key).decode())


def settings_of(
    database: DatabaseSettings,
    *,
    master: bytes = MASTER,
    previous: tuple[bytes, ...] = (),
    vault: dict[str, Any] | None = None,
    cache: float = 30.0,
) -> VaultBrokerSettings:
    """Settings of a broker; with `vault` it keeps its credentials there."""
    block = VaultBrokerBlock(
        store="vault" if vault else "embedded",
        master_key=secret_of(master),
        previous_master_keys=tuple(map(secret_of, previous)),
        lease_reuse=10.0,
        cache=cache,
        vault=VaultBlock.model_validate(vault or {}),
    )
    public = base64.b64encode(SIGNER.public_key).decode()
    return VaultBrokerSettings(
        database=database, grants=GrantKeysSettings(public_keys=(public,)), vault_broker=block
    )


def grant_of(credential: str | None, **different: Any) -> Grant:
    """A good grant for reading with this credential."""
    now = time.time()
    terms: dict[str, Any] = {
        "purpose": "call",
        "call": new_call_id(),
        "tenant": TENANT,
        "subject": "alice",
        "connection": "conn_1",
        "origin": ORIGIN,
        "issued_at": now,
        "deadline": now + 30,
        "tool": "crm.org.main.contacts.list",
        "effect": "read",
        "credential": credential,
    }
    return Grant(**{**terms, **different})


@dataclass(frozen=True, slots=True)
class House:
    """A broker and those who ask it."""

    gateway: Bus
    adapters: Bus

    async def store(
        self,
        values: dict[str, str] | None = None,
        *,
        tenant: str = TENANT,
        connection: str = CONNECTION,
        origin: str = ORIGIN,
        method: AuthMethod = BEARER,
        external: str | None = None,
        sealed_for: tuple[str, str] | None = None,
    ) -> contracts.CredentialStored:
        """Store as the gateway does."""
        sealed = None
        if values is not None:
            key = await self.gateway.request(contracts.GET_SEALING_KEY, Nothing())
            sealed = seal_values(key.public_key, *(sealed_for or (tenant, connection)), values)
        return await self.gateway.request(
            contracts.STORE_CREDENTIAL,
            contracts.StoreCredential(
                tenant=tenant,
                connection=connection,
                origin=origin,
                method=method,
                sealed=sealed,
                external=external,
            ),
        )

    async def lease(self, grant: Grant | str) -> contracts.LeasedCredential | None:
        """Lease as a worker does."""
        signed = SIGNER.sign(grant) if isinstance(grant, Grant) else grant
        private = new_private_key()
        asked = contracts.LeaseCredential(grant=signed, public_key=private.public_key().public_bytes_raw())
        lease = await self.adapters.request(contracts.LEASE_CREDENTIAL, asked)
        return None if lease.sealed is None else open_lease(private, signed, lease.sealed)

    async def sent(self, credential: str, **different: Any) -> str:
        """The one value that a good grant gets into a request."""
        leased = await self.lease(grant_of(credential, **different))
        assert leased is not None
        (injection,) = leased.injections
        return injection.value

    async def facts(self, credential: str, tenant: str = TENANT) -> contracts.CredentialFacts:
        """What the broker says about a credential."""
        asked = contracts.GetCredential(tenant=tenant, credential=credential)
        return await self.gateway.request(contracts.GET_CREDENTIAL, asked)

    async def revert(self, credential: str, version: int) -> None:
        """Take a version back."""
        asked = contracts.RevertCredential(tenant=TENANT, credential=credential, version=version)
        await self.gateway.request(contracts.REVERT_CREDENTIAL, asked)

    async def delete(self, credential: str, tenant: str = TENANT) -> None:
        """Delete a credential."""
        asked = contracts.DeleteCredential(tenant=tenant, credential=credential)
        await self.gateway.request(contracts.DELETE_CREDENTIAL, asked)


@asynccontextmanager
async def opened(hub: MemoryHub, settings: VaultBrokerSettings) -> AsyncGenerator[House]:
    """A running broker; several on one hub are replicas."""
    bus = Bus(ServiceName.VAULT_BROKER, MemoryTransport(hub))
    async with compose(settings, bus) as service:
        for handler in service.handlers:
            await bus.serve(handler)
        for listener in service.listeners:
            await bus.hear(listener)
        assert service.start is not None
        await service.start()
        yield House(
            Bus(ServiceName.GATEWAY, MemoryTransport(hub)), Bus(ServiceName.ADAPTERS, MemoryTransport(hub))
        )
        await bus.close()
