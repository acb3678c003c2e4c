"""Storing the credential of a connection."""

from dataclasses import dataclass, replace

from executor_shared.clock import Clock
from executor_shared.contracts import vault_broker as contracts
from executor_shared.errors import ConflictError, ExecutorError, InvalidRequestError, UnavailableError
from executor_shared.ids import new_credential_ref
from executor_shared.sealing import open_values
from executor_vault_broker.domain.check import check_method, check_place, check_values
from executor_vault_broker.domain.keyring import KeyRing
from executor_vault_broker.domain.ports import Announcer, Bindings, CredentialStore, ExternalSecrets
from executor_vault_broker.domain.record import Binding, Key, Record
from executor_vault_broker.domain.reference import parse_reference


@dataclass(frozen=True, slots=True)
class StoreCredential:
    """Check, keep, publish, tell: a version is good only once it is published."""

    ring: KeyRing
    store: CredentialStore
    bindings: Bindings
    external: ExternalSecrets
    announcer: Announcer
    clock: Clock

    async def __call__(self, asked: contracts.StoreCredential) -> contracts.CredentialStored:
        """Reference and version; nothing changes where the same stands there already.

        The credential belongs to the connection, whoever stores it.

        Raises:
            ExecutorError: `connection_value_missing`, `invalid_request`, `conflict` or
                `credential_unavailable`; then nothing is stored.

        """
        check_place(asked.tenant, asked.connection, asked.origin)
        check_method(asked.method)
        record = self._record(asked)
        known = await self.bindings.of_connection(asked.tenant, asked.connection)
        if known and await self._stands(known, record):
            return contracts.CredentialStored(credential=known.key.ref, version=known.version, changed=False)
        new = await self._keep(asked, record, known)
        await self.announcer.changed(new.key, "stored")
        return contracts.CredentialStored(credential=new.key.ref, version=new.version, changed=True)

    def _record(self, asked: contracts.StoreCredential) -> Record:
        values: dict[str, str] = {}
        external: str | None = None
        if asked.sealed is not None and asked.external is None:
            values = self._open(asked, asked.sealed)
            check_values(asked.method, values)
        elif asked.external is not None and asked.sealed is None:
            reference = parse_reference(asked.external)
            if reference.field and len(asked.method.inputs) != 1:
                raise InvalidRequestError(
                    f"{asked.method.name} needs {', '.join(asked.method.inputs)}: name the secret without "
                    "'#field', and keep one field for each of them there.",
                    details={"field": "external"},
                )
            self.external.check(asked.tenant, reference)
            external = str(reference)
        else:
            raise InvalidRequestError(
                "Expected either sealed values or the name of an external secret.",
                details={"field": "sealed"},
            )
        return Record(
            connection=asked.connection,
            origin=asked.origin,
            method=asked.method,
            values=values,
            external=external,
        )

    def _open(self, asked: contracts.StoreCredential, sealed: bytes) -> dict[str, str]:
        *others, last = self.ring.sealing_keys
        for key in others:
            try:
                return open_values(key, asked.tenant, asked.connection, sealed)
            except InvalidRequestError:
                continue
        return open_values(last, asked.tenant, asked.connection, sealed)

    async def _stands(self, known: Binding, record: Record) -> bool:
        """Whether the same stands there, and has not been removed from the store behind our back."""
        if known.digest not in self.ring.digests(record):
            return False
        return await self.store.get(known.key, known.version) is not None

    async def _keep(self, asked: contracts.StoreCredential, record: Record, known: Binding | None) -> Binding:
        key = known.key if known else Key(asked.tenant, new_credential_ref())
        version = await self.store.put(key, record)
        new = Binding(
            key=key,
            connection=record.connection,
            origin=record.origin,
            method=record.method.name,
            version=version,
            digest=self.ring.digests(record)[0],
            created_at=self.clock.now(),
        )
        if known:
            new = replace(new, last_leased_at=known.last_leased_at)
        try:
            await self.bindings.publish(new, after=known.version if known else 0)
        except (ConflictError, UnavailableError):  # certain: not published
            await self._undo(key, version)
            raise
        return new

    async def _undo(self, key: Key, version: int) -> None:
        try:
            await self.store.drop(key, version)
        except ExecutorError:
            return  # never published, so nobody gets it; the first error is the one to tell
