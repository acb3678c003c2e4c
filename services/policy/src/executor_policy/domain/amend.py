"""What a document makes of a tenant's policy. Pure: the same twice is the same."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import msgspec

from executor_policy.domain.conditions import Conditions
from executor_policy.domain.known import KnownPrincipal, TenantPolicy, is_proof, key_digest
from executor_policy.domain.rules import compile_rule
from executor_policy.domain.words import keepable
from executor_shared.contracts.policy import ApplyPolicy, PolicyDocument, PrincipalSpec, RuleSpec
from executor_shared.contracts.vocabulary import Change
from executor_shared.errors import ConflictError, InvalidRequestError

_MAX_SUBJECT = 200
Kept = TypeVar("Kept", RuleSpec, KnownPrincipal)


def check_document(ask: ApplyPolicy, conditions: Conditions) -> None:
    """Refuse what cannot be in force.

    Raises:
        InvalidRequestError: names `policies[<name>].<field>` or `principals[<subject>].<field>`.

    """
    document = ask.document
    _unique((rule.name for rule in document.policies), "policies", "name")
    _unique((p.subject for p in document.principals), "principals", "subject")
    for rule in document.policies:
        compile_rule(rule, conditions)
    holders: dict[str, str] = {}
    for principal in document.principals:
        _check_principal(principal, holders)


def _unique(names: Iterable[str], noun: str, field: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise _invalid(f"{noun}[{name}].{field}", "it stands twice in the document; each is needed once")
        seen.add(name)


def _check_principal(spec: PrincipalSpec, holders: dict[str, str]) -> None:
    where = f"principals[{spec.subject[:80]}]"
    for field, text in (("subject", spec.subject), ("person", spec.person or "-")):
        if not 1 <= len(text) <= _MAX_SUBJECT or not text.isprintable():
            raise _invalid(f"{where}.{field}", f"1 to {_MAX_SUBJECT} printable characters are accepted")
    for group in spec.groups:
        if not keepable(group):
            raise _invalid(f"{where}.groups", "names of 1 to 256 printable characters are accepted")
    for proof in spec.key_proofs or ():
        if not is_proof(proof):
            raise _invalid(f"{where}.key", "expected the SHA-256 digest of the key in lower-case hexadecimal")
        if holders.setdefault(proof, spec.subject) != spec.subject:
            raise _invalid(f"{where}.key", f"the same key is given to {holders[proof]!r}; use another")


def amended(before: TenantPolicy, ask: ApplyPolicy, asking: str) -> TenantPolicy:
    """What the tenant's policy becomes.

    Pruning spares whoever asks.

    Raises:
        ConflictError: no administrator with a key would be left.
        InvalidRequestError: a key is in use by another principal.

    """
    document = ask.document
    rules = {rule.name: rule for rule in document.policies}
    principals = {p.subject: _merged(before.principals.get(p.subject), p) for p in document.principals}
    if not ask.prune:
        rules = {**before.rules, **rules}
        principals = {**before.principals, **principals}
    elif asking in before.principals:
        principals.setdefault(asking, before.principals[asking])
    after = TenantPolicy(
        rules={n: r for n, r in rules.items() if n not in ask.remove_policies},
        principals={s: p for s, p in principals.items() if s not in ask.remove_principals},
    )
    if before.administrators() and not after.administrators():
        raise ConflictError(
            "This would leave no administrator with a key; nothing was changed. Name another one first."
        )
    _check_holders(after)
    return after


def _merged(known: KnownPrincipal | None, spec: PrincipalSpec) -> KnownPrincipal:
    keys = known.keys if known else frozenset[str]()
    if spec.key_proofs is not None:
        keys = frozenset(key_digest(proof) for proof in spec.key_proofs)
    return KnownPrincipal(
        subject=spec.subject,
        groups=tuple(dict.fromkeys(spec.groups)),
        admin=spec.admin,
        person=spec.person,
        key_text=spec.key_text,
        keys=keys,
    )


def _check_holders(after: TenantPolicy) -> None:
    holders: dict[str, str] = {}
    for principal in after.principals.values():
        for key in principal.keys:
            if holders.setdefault(key, principal.subject) != principal.subject:
                raise _invalid(
                    f"principals[{principal.subject}].key",
                    f"the same key belongs to {holders[key]!r}; use another",
                )


def changes(before: TenantPolicy, after: TenantPolicy) -> tuple[Change, ...]:
    """The difference, line by line."""
    return (
        *_changes("policy", before.rules, after.rules),
        *_changes("principal", before.principals, after.principals),
    )


def _changes(noun: str, before: Mapping[str, Kept], after: Mapping[str, Kept]) -> Iterable[Change]:
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        action: Literal["create", "update", "delete"] = (
            "create" if old is None else "delete" if new is None else "update"
        )
        yield Change(action=action, noun=noun, key=key, fields=_different(old, new))


def _different(old: Kept | None, new: Kept | None) -> tuple[str, ...]:
    if old is None or new is None:
        return ()
    one, two = _fields(old), _fields(new)
    return tuple(name for name in one if one[name] != two[name])


def _fields(kept: RuleSpec | KnownPrincipal) -> dict[str, object]:
    if isinstance(kept, RuleSpec):
        return msgspec.structs.asdict(kept)
    return {
        "groups": kept.groups,
        "admin": kept.admin,
        "person": kept.person,
        "key": (kept.keys, kept.key_text),
    }


def document_of(policy: TenantPolicy) -> PolicyDocument:
    """The declarative form; never a key."""
    return PolicyDocument(
        policies=tuple(policy.rules[name] for name in sorted(policy.rules)),
        principals=tuple(
            PrincipalSpec(
                subject=p.subject,
                groups=p.groups,
                admin=p.admin,
                person=p.person,
                key_text=p.key_text,
            )
            for _, p in sorted(policy.principals.items())
        ),
    )


@dataclass(frozen=True, slots=True)
class FirstAdministrator:
    """What a start makes sure of: that the key of the installation is an administrator's."""

    subject: str
    proof: str

    def __call__(self, before: TenantPolicy) -> TenantPolicy:
        """The tenant with the administrator; an existing one gets this key in place of its own."""
        keys = frozenset({key_digest(self.proof)})
        known = before.principals.get(self.subject)
        made = replace(known, keys=keys) if known else KnownPrincipal(self.subject, admin=True, keys=keys)
        return TenantPolicy(before.rules, {**before.principals, self.subject: made})


def _invalid(field: str, why: str) -> InvalidRequestError:
    return InvalidRequestError(f"{field}: {why}.", details={"field": field})
