"""Releasing a credential for one granted call."""

from dataclasses import dataclass

import structlog

from executor_shared.clock import Clock
from executor_shared.contracts import vault_broker as contracts
from executor_shared.contracts.vault_broker import Lease, LeasedCredential
from executor_shared.errors import (
    Code,
    CredentialUnavailableError,
    ExecutorError,
    GrantRefusedError,
    InvalidRequestError,
)
from executor_shared.grants import Grant, GrantVerifier
from executor_shared.sealing import seal_lease
from executor_vault_broker.domain.check import check_values
from executor_vault_broker.domain.ports import (
    Bindings,
    CredentialStore,
    ExternalSecrets,
    LeaseTimes,
    SpentGrants,
)
from executor_vault_broker.domain.record import Key, Record
from executor_vault_broker.domain.reference import parse_reference
from executor_vault_broker.domain.render import render, secrets_of

_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.vault_broker")
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class LeaseCredential:
    """Verify, find, spend, seal. A failure before the spending leaves the grant good.

    Attributes:
        reuse: seconds for which a worker may keep a lease made for reading; after anything else 0.

    """

    verifier: GrantVerifier
    store: CredentialStore
    bindings: Bindings
    external: ExternalSecrets
    spent: SpentGrants
    times: LeaseTimes
    clock: Clock
    reuse: float

    async def __call__(self, asked: contracts.LeaseCredential) -> Lease:
        """The sealed lease; an empty one where the grant names no credential.

        Raises:
            GrantRefusedError: not genuine, past its deadline, or presented before.
            ExecutorError: `connection_rejected` where it is bound to another origin;
                `credential_unavailable` where it cannot be had.

        """
        grant = self.verifier.verify(asked.grant)
        if len(asked.public_key) != _KEY_BYTES:
            raise InvalidRequestError(
                "public_key: expected an X25519 key of 32 bytes.", details={"field": "public_key"}
            )
        if grant.credential is None:
            await self._spend(grant)
            return Lease()
        key = Key(grant.tenant, grant.credential)
        version, record = await self._bound_record(key, grant)
        leased = await self._leased(grant, record)
        sealed = _sealed(asked, leased)
        await self._spend(grant)
        self.times.note(key, self.clock.now())
        _log.info("credential.leased", call=grant.call, credential=key.ref, version=version)
        return Lease(sealed=sealed, version=version)

    async def _bound_record(self, key: Key, grant: Grant) -> tuple[int, Record]:
        binding = await self.bindings.get(key)
        if binding is None:
            raise _gone()
        _check_origin(binding.connection, binding.origin, grant.origin)
        record = await self.store.get(key, binding.version)
        if record is None:
            raise _gone()
        _check_origin(record.connection, record.origin, grant.origin)
        return binding.version, record

    async def _leased(self, grant: Grant, record: Record) -> LeasedCredential:
        values = record.values
        if record.external is not None:
            values = await self._external_values(grant.tenant, record, record.external)
        reuse = self.reuse if grant.effect == "read" else 0.0
        return LeasedCredential(
            injections=tuple(render(placement, values) for placement in record.method.placements),
            secrets=secrets_of(record.method, values),
            expires_at=max(grant.deadline, self.clock.now() + reuse),
            reuse=reuse,
        )

    async def _external_values(self, tenant: str, record: Record, text: str) -> dict[str, str]:
        reference = parse_reference(text)
        self.external.check(tenant, reference)
        fields = await self.external.read(tenant, reference)
        if fields is None:
            raise CredentialUnavailableError(
                f"The external secret {reference} of connection {record.connection} is not in Vault.",
                details={"connection": record.connection},
            )
        names = {name: reference.field or name for name in record.method.inputs}
        values = {name: fields[field] for name, field in names.items() if field in fields}
        check_values(record.method, values)
        return values

    async def _spend(self, grant: Grant) -> None:
        if not await self.spent.spend(grant.call, grant.deadline):
            raise GrantRefusedError("The grant was used before; nothing was released.")


def _sealed(asked: contracts.LeaseCredential, leased: LeasedCredential) -> bytes:
    try:
        return seal_lease(asked.public_key, asked.grant, leased)
    except ValueError as error:  # a point of low order
        raise InvalidRequestError(
            "public_key: not a usable X25519 key.", details={"field": "public_key"}
        ) from error


def _gone() -> CredentialUnavailableError:
    return CredentialUnavailableError("The credential of this connection is gone; store it again.")


def _check_origin(connection: str, bound: str, wanted: str) -> None:
    if bound != wanted:
        raise ExecutorError(
            f"The credential of connection {connection} was stored for {bound}, but the call goes to {wanted}; "
            "nothing was released. If the integration has moved there, store the credential again to confirm it.",
            code=Code.CONNECTION_REJECTED,
            details={"connection": connection, "bound": bound, "wanted": wanted},
        )
