"""The store in HashiCorp Vault (KV v2), and secrets that others keep there."""

from dataclasses import dataclass
from typing import Any, cast

import hvac
import msgspec
from hvac import exceptions

from executor_shared.errors import ConflictError, InvalidRequestError, NotPermittedError
from executor_vault_broker.clients.vault_errors import unavailable
from executor_vault_broker.clients.vault_session import VaultSession
from executor_vault_broker.domain.record import Key, Record
from executor_vault_broker.domain.reference import Reference, is_segment

_TENANT = "{tenant}"


def _path(prefix: str, key: Key) -> str:
    """`<prefix>/t/<tenant>/c/<ref>`; no segment can lead out of it."""
    segments = [*filter(None, prefix.split("/")), "t", key.tenant, "c", key.ref]
    if not all(map(is_segment, segments)):
        raise InvalidRequestError(
            "A tenant or credential reference that cannot be part of a path in Vault.",
            details={"field": "credential"},
        )
    return "/".join(segments)


def _data(answer: object) -> dict[str, Any]:
    """The `data` of Vault's answer; anything else did not come from Vault."""
    data = cast("dict[str, Any]", answer).get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        raise unavailable("gave an answer that is none of Vault's")
    return cast("dict[str, Any]", data)


@dataclass(frozen=True, slots=True)
class VaultStore:
    """The credential store over KV v2: one secret per credential, one version per version.

    Attributes:
        mount: the KV v2 mount.
        prefix: folder in it; may be empty.

    """

    session: VaultSession
    mount: str
    prefix: str

    async def put(self, key: Key, record: Record) -> int:
        """Keep a new version by check-and-set; see `CredentialStore`."""
        path = _path(self.prefix, key)
        secret = cast("dict[str, Any]", msgspec.to_builtins(record))

        def write(client: hvac.Client) -> int:
            return self._write(client, path, secret)

        try:
            return await self.session.call(write)
        except exceptions.InvalidPath as error:
            raise unavailable(f"has no KV version 2 engine at {self.mount!r}") from error
        except exceptions.InvalidRequest as error:
            if "check-and-set" not in str(error):
                raise unavailable("refuses to keep the credential (400)") from error
            raise ConflictError(
                "Somebody else stored this credential at the same moment; try again."
            ) from error

    def _write(self, client: hvac.Client, path: str, secret: dict[str, Any]) -> int:
        kv = client.secrets.kv.v2
        try:
            known = _data(kv.read_secret_metadata(path, mount_point=self.mount))
            present = int(known["current_version"])
        except exceptions.InvalidPath:
            present = 0
        answer = kv.create_or_update_secret(path, secret=secret, cas=present, mount_point=self.mount)
        return int(_data(answer)["version"])

    async def get(self, key: Key, version: int) -> Record | None:
        """A version; see `CredentialStore`."""
        path = _path(self.prefix, key)

        def read(client: hvac.Client) -> object:
            return client.secrets.kv.v2.read_secret_version(
                path, version=version, mount_point=self.mount, raise_on_deleted_version=True
            )

        try:
            found = _data(await self.session.call(read)).get("data")
        except exceptions.InvalidPath:
            return None
        except exceptions.InvalidRequest as error:
            raise unavailable("refuses to read the credential (400)") from error
        try:
            return msgspec.convert(found, Record)
        except msgspec.ValidationError:
            raise unavailable("holds something at this path that is no credential of ours") from None

    async def drop(self, key: Key, version: int) -> None:
        """Delete a version; an operator may still undelete it in Vault, but nobody is given it."""
        path = _path(self.prefix, key)

        def delete(client: hvac.Client) -> None:
            client.secrets.kv.v2.delete_secret_versions(path, [version], mount_point=self.mount)

        await self._remove(delete)

    async def destroy(self, key: Key) -> None:
        """Destroy all versions and what is known of them."""
        path = _path(self.prefix, key)

        def delete(client: hvac.Client) -> None:
            client.secrets.kv.v2.delete_metadata_and_all_versions(path, mount_point=self.mount)

        await self._remove(delete)

    async def _remove(self, work: Any) -> None:  # noqa: ANN401
        try:
            await self.session.call(work)
        except exceptions.InvalidPath:
            return  # it is not there
        except exceptions.InvalidRequest as error:
            raise unavailable("refuses to remove the credential (400)") from error


@dataclass(frozen=True, slots=True)
class VaultExternals:
    """Secrets that somebody else keeps in Vault's KV v2 engines.

    Attributes:
        allowed: paths below which a tenant may name secrets, such as `kv/{tenant}`.
        own: mount and prefix of our own store, below which nobody may.

    """

    session: VaultSession
    allowed: tuple[str, ...]
    own: str

    def check(self, tenant: str, reference: Reference) -> None:
        """Whether the tenant may name it; see `ExternalSecrets`."""
        below = [_segments(path.replace(_TENANT, tenant)) for path in self.allowed]
        if any(_under(reference, path) for path in below) and not _under(reference, _segments(self.own)):
            return
        raise NotPermittedError(
            f"The secret {reference} may not be used by this tenant. An operator allows paths in "
            "EXECUTOR_VAULT_BROKER__VAULT__EXTERNAL.",
            details={"field": "external"},
        )

    async def read(self, tenant: str, reference: Reference) -> dict[str, str] | None:
        """The newest version's fields that are texts; see `ExternalSecrets`."""
        self.check(tenant, reference)

        def read(client: hvac.Client) -> object:
            return client.secrets.kv.v2.read_secret_version(
                reference.path, mount_point=reference.mount, raise_on_deleted_version=True
            )

        try:
            found = _data(await self.session.call(read)).get("data")
        except exceptions.InvalidPath:
            return None
        except exceptions.InvalidRequest as error:
            raise unavailable("refuses to read the external secret (400)") from error
        fields = cast("dict[str, object]", found) if isinstance(found, dict) else {}
        return {name: value for name, value in fields.items() if isinstance(value, str)}


def _segments(path: str) -> tuple[str, ...]:
    return tuple(filter(None, path.split("/")))


def _under(reference: Reference, path: tuple[str, ...]) -> bool:
    return bool(path) and reference.segments[: len(path)] == path and len(reference.segments) > len(path)
