"""How rules compose: they only narrow, and their order says nothing.

organisation and team and user and toolkit and the default derived from the tool: the most restrictive wins.
"""

from collections.abc import Iterable, Iterator

from executor_policy.domain.facts import DEFAULT_RULE, Facts, Terms, Verdict
from executor_policy.domain.rules import Rule
from executor_shared.contracts.policy import PolicyEffect
from executor_shared.contracts.vocabulary import Effect

_MOST_ADDRESSES = 4096
_DEFAULT_REASONS: dict[PolicyEffect, str] = {
    "allow": "",
    "require_approval": "Tools that may change something need an approval unless a rule allows them.",
    "block": "",
}


def derived_default(effect: Effect) -> PolicyEffect:
    """What holds where no rule says anything: reading is allowed, all else needs an approval."""
    return "allow" if effect == "read" else "require_approval"


class RuleSet:
    """All rules of a tenant, indexed by exact address and by first segment."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._known: dict[str, tuple[Rule, ...]] = {}
        self._exact: dict[str, list[Rule]] = {}
        self._first: dict[str, list[Rule]] = {}
        self._anywhere: list[Rule] = []
        for rule in sorted(rules, key=lambda r: r.spec.name):
            if rule.exact:
                self._exact.setdefault(".".join(rule.segments), []).append(rule)
            elif rule.segments and rule.segments[0] != "*":
                self._first.setdefault(rule.segments[0], []).append(rule)
            else:
                self._anywhere.append(rule)

    def decide(self, facts: Facts) -> Verdict:
        """The verdict on one call."""
        applied = [r for r in self._about(facts) if r.concerns(facts) and r.holds(facts.arguments)]
        return _compose(derived_default(facts.effect), applied)

    def blocked_whatever(self, facts: Facts) -> bool:
        """Whether the tool is blocked for the caller with any arguments and any client."""
        return any(
            r.spec.effect == "block" and r.condition is None and not r.spec.clients and r.concerns(facts)
            for r in self._about(facts)
        )

    def _about(self, facts: Facts) -> tuple[Rule, ...]:
        """The rules whose pattern fits, remembered by address; the memory is bounded."""
        found = self._known.get(facts.address)
        if found is None:
            if len(self._known) >= _MOST_ADDRESSES:
                self._known.clear()
            found = self._known[facts.address] = tuple(self._fitting(facts.address))
        return found

    def _fitting(self, address: str) -> Iterator[Rule]:
        yield from self._exact.get(address, ())
        given = address.split(".")
        for rules in (self._first.get(given[0], ()), self._anywhere):
            for rule in rules:
                if rule.fits(given):
                    yield rule


def _compose(default: PolicyEffect, applied: list[Rule]) -> Verdict:
    if default != "allow" and any(r.spec.effect == "allow" and r.loosens for r in applied):
        default = "allow"
    effect = strictest(default, applied)
    deciding = [r for r in applied if r.spec.effect == effect]
    if effect == default and effect != "allow":
        deciding = [r for r in deciding if r.terms_replace_default] or []
    name = min((r.spec.name for r in deciding), default=DEFAULT_RULE)
    reasons = sorted({r.spec.reason for r in deciding if r.spec.reason})
    return Verdict(
        effect=effect,
        rule=name,
        matched=tuple(sorted(r.spec.name for r in applied)),
        reason=" ".join(reasons) or (_DEFAULT_REASONS[effect] if name == DEFAULT_RULE else ""),
        terms=_terms(default, applied) if effect == "require_approval" else Terms(),
    )


def strictest(default: PolicyEffect, applied: list[Rule]) -> PolicyEffect:
    """The most restrictive effect of all."""
    said = {default, *(rule.spec.effect for rule in applied)}
    if "block" in said:
        return "block"
    return "require_approval" if "require_approval" in said else "allow"


def _terms(default: PolicyEffect, applied: list[Rule]) -> Terms:
    """Every rule that asks for approval must be satisfied, and the default where no rule stands for it."""
    asking = [r for r in applied if r.spec.effect == "require_approval"]
    every = [
        Terms((tuple(sorted(a.groups)),), a.requester, a.expires) for a in (r.spec.approvers for r in asking)
    ]
    if default == "require_approval" and not any(r.terms_replace_default for r in asking):
        every.append(Terms())
    return Terms(
        clauses=tuple(sorted({clause for terms in every for clause in terms.clauses})),
        requester_may=all(terms.requester_may for terms in every),
        expires=min(terms.expires for terms in every),
    )
