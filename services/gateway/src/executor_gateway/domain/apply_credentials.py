"""Storing the credentials of a configuration, each bound to its origin and its way of being sent."""

from collections.abc import Mapping
from dataclasses import dataclass

from executor_gateway.domain.administration import Credentials
from executor_gateway.domain.apply_undo import Undo, named
from executor_gateway.domain.plan import Plan, Wanted, external_of, key_of
from executor_shared.contracts.catalog import ConnectionSpec
from executor_shared.contracts.vault_broker import CredentialStored, StoreCredential
from executor_shared.contracts.vocabulary import AuthMethod
from executor_shared.errors import ExecutorError, InvalidRequestError
from executor_shared.sealing import seal_values
from executor_shared.views.catalog import CatalogView


def method_for(spec: ConnectionSpec, methods: tuple[AuthMethod, ...]) -> AuthMethod:
    """The method that a connection's credential is for.

    Raises:
        InvalidRequestError: it names none of them, or none where there are several; says which are accepted.

    """
    accepted = [method.name for method in methods]
    chosen = [m for m in methods if spec.auth in {None, m.name}]
    if len(chosen) == 1:
        return chosen[0]
    what = f"connection {key_of(spec)}: auth:"
    details = {"field": "auth", "connection": key_of(spec), "accepted": accepted}
    if not methods:
        raise InvalidRequestError(f"{what} the integration takes no credential.", details=details)
    raise InvalidRequestError(f"{what} expected one of {', '.join(accepted)}.", details=details)


@dataclass(frozen=True, slots=True)
class StoreCredentials:
    """Stores what was sent for the connections of a plan."""

    credentials: Credentials
    view: CatalogView

    async def __call__(
        self, tenant: str, wanted: Wanted, plan: Plan, undo: Undo
    ) -> dict[str, CredentialStored]:
        """What was stored, by connection; `undo` learns how to take it back."""
        orders = [
            order
            for spec in plan.document.connections
            if (order := await self._order(tenant, spec, wanted, plan))
        ]
        stored: dict[str, CredentialStored] = {}
        for order in orders:
            try:
                done = stored[order.connection] = await self.credentials.store(order)
            except ExecutorError as error:
                raise named(error, f"connection {order.connection}") from error
            if done.changed:
                self._remember(undo, tenant, order.connection, done)
        return stored

    def _remember(self, undo: Undo, tenant: str, connection: str, done: CredentialStored) -> None:
        async def revert() -> None:
            await self.credentials.revert(tenant, done.credential, done.version)

        undo.add(f"credential of {connection}", revert)

    async def _order(
        self, tenant: str, spec: ConnectionSpec, wanted: Wanted, plan: Plan
    ) -> StoreCredential | None:
        key = key_of(spec)
        given, external = wanted.credentials.get(key), external_of(spec)
        if given is None and external is None:
            return None
        origin, methods = self._where(tenant, spec.integration, plan)
        method = method_for(spec, methods)
        if isinstance(given, dict):
            given = await self._seal(tenant, key, _as_inputs(key, given, method))
        return StoreCredential(
            tenant=tenant,
            connection=key,
            origin=origin,
            method=method,
            sealed=given,
            external=None if given else external,
        )

    def _where(self, tenant: str, slug: str, plan: Plan) -> tuple[str, tuple[AuthMethod, ...]]:
        found = plan.resolved.get(slug) or self.view.integration(tenant, slug)
        if found is None:
            raise InvalidRequestError(f"There is no integration {slug!r}.", details={"field": "integration"})
        return found.origin, found.auth

    async def _seal(self, tenant: str, connection: str, values: dict[str, str]) -> bytes:
        return seal_values(await self.credentials.sealing_key(), tenant, connection, values)


def _as_inputs(key: str, values: Mapping[str, str], method: AuthMethod) -> dict[str, str]:
    """The values by the method's inputs; a single `value` is for the only one."""
    if set(values) == {"value"} and len(method.inputs) == 1:
        return {method.inputs[0]: values["value"]}
    if set(values) != set(method.inputs):
        raise InvalidRequestError(
            f"connection {key}: {method.name} needs exactly these inputs: {', '.join(method.inputs)}.",
            details={"field": "credentials", "connection": key, "accepted": list(method.inputs)},
        )
    return dict(values)
