"""What policy does when it starts, before it answers anything."""

from dataclasses import dataclass

from executor_policy.domain.amend import FirstAdministrator
from executor_policy.domain.known import is_proof
from executor_policy.domain.ports import Policies
from executor_policy.domain.standing import Standing
from executor_shared.errors import InvalidRequestError

TENANT = "default"
SUBJECT = "admin"


@dataclass(frozen=True, slots=True)
class Begin:
    """Make sure of the first administrator, then put the policy in force."""

    standing: Standing
    policies: Policies
    admin_proof: str | None

    async def __call__(self) -> None:
        """Once."""
        if self.admin_proof:
            if not is_proof(self.admin_proof):
                raise InvalidRequestError(
                    "EXECUTOR_POLICY__BOOTSTRAP_ADMIN_PROOF: expected the SHA-256 digest of the "
                    "administrator's token in lower-case hexadecimal (64 characters).",
                    details={"field": "bootstrap_admin_proof"},
                )
            await self.policies.change(TENANT, FirstAdministrator(SUBJECT, self.admin_proof))
        await self.standing.refresh()
