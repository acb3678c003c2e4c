"""Policy as it stands: everything that decisions need, whole or not at all."""

import hashlib
import re
from dataclasses import dataclass, field

from executor_policy.domain.conditions import Conditions
from executor_policy.domain.decide import RuleSet
from executor_policy.domain.rules import compile_rule
from executor_shared.contracts.policy import RuleSpec
from executor_shared.contracts.vocabulary import Principal
from executor_shared.errors import NotAuthenticatedError

_PROOF = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class KnownPrincipal:
    """A principal as kept. `keys` are digests of proofs: neither a key nor its proof can be had from them."""

    subject: str
    groups: tuple[str, ...] = ()
    admin: bool = False
    person: str | None = None
    key_text: dict[str, object] = field(default_factory=dict[str, object])
    keys: frozenset[str] = frozenset()

    def of(self, tenant: str) -> Principal:
        """As the other services know it."""
        return Principal(
            tenant=tenant,
            subject=self.subject,
            person=self.person or self.subject,
            groups=self.groups,
            admin=self.admin,
        )


@dataclass(frozen=True, slots=True)
class TenantPolicy:
    """One tenant's rules by name and principals by subject."""

    rules: dict[str, RuleSpec] = field(default_factory=dict[str, RuleSpec])
    principals: dict[str, KnownPrincipal] = field(default_factory=dict[str, KnownPrincipal])

    def administrators(self) -> int:
        """How many can sign in as one."""
        return sum(1 for p in self.principals.values() if p.admin and p.keys)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every tenant at one revision, ready for deciding."""

    revision: int
    tenants: dict[str, TenantPolicy]
    rules: dict[str, RuleSet]
    callers: dict[str, Principal]

    def who(self, proof: str) -> Principal:
        """Whose proof it is.

        Raises:
            NotAuthenticatedError: nobody's.

        """
        found = self.callers.get(key_digest(proof)) if is_proof(proof) else None
        if found is None:
            raise NotAuthenticatedError("The token is not known. Send a valid API key as bearer token.")
        return found

    def rules_of(self, tenant: str) -> RuleSet:
        """The tenant's rules."""
        return self.rules.get(tenant) or RuleSet(())


def is_proof(text: str) -> bool:
    """Whether a text has the form of a proof: a SHA-256 digest in lower-case hexadecimal."""
    return bool(_PROOF.fullmatch(text))


def key_digest(proof: str) -> str:
    """What is kept of a proof."""
    return hashlib.sha256(proof.encode()).hexdigest()


def snapshot(revision: int, tenants: dict[str, TenantPolicy], conditions: Conditions) -> Snapshot:
    """Make ready what is stored.

    Raises:
        InvalidRequestError: a stored rule cannot be compiled; nothing is half loaded then.

    """
    return Snapshot(
        revision=revision,
        tenants=tenants,
        rules={
            name: RuleSet([compile_rule(spec, conditions) for spec in tenant.rules.values()])
            for name, tenant in tenants.items()
        },
        callers={
            key: principal.of(name)
            for name, tenant in tenants.items()
            for principal in tenant.principals.values()
            for key in principal.keys
        },
    )
