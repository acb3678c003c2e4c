"""What stands in place of Vault where none is configured."""

from typing import NoReturn

from executor_shared.errors import InvalidRequestError
from executor_vault_broker.domain.reference import Reference


def _refuse() -> NoReturn:
    raise InvalidRequestError(
        "External secrets (vault: mount/path#field) need HashiCorp Vault: set EXECUTOR_VAULT_BROKER__STORE=vault "
        "and EXECUTOR_VAULT_BROKER__VAULT__ADDRESS, or store the value itself.",
        details={"field": "external"},
    )


class NoExternals:
    """Refuses every external secret, and says what to do."""

    def check(self, tenant: str, reference: Reference) -> None:  # noqa: ARG002 - refuses whatever it is
        """Refuse."""
        _refuse()

    async def read(self, tenant: str, reference: Reference) -> dict[str, str] | None:  # noqa: ARG002
        """Refuse."""
        _refuse()
