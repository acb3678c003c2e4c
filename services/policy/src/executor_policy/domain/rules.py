"""Rules made ready for deciding: checked once when written, matched many times."""

import re
from dataclasses import dataclass

from executor_policy.domain.conditions import Condition, ConditionFailedError, Conditions
from executor_policy.domain.facts import Facts
from executor_policy.domain.words import check_prose, keepable
from executor_shared.contracts.policy import RuleSpec
from executor_shared.errors import InvalidRequestError
from executor_shared.views.patterns import check_pattern

_SCOPES = ("team", "user", "toolkit")
_TOOLKIT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_MAX_REASON = 2000
_MAX_EXPIRES = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule. Everything but the pattern is matched here; the rule set indexes the pattern."""

    spec: RuleSpec
    scope: str
    whose: str
    segments: tuple[str, ...]
    subtree: bool
    groups: frozenset[str]
    everyone: bool
    condition: Condition | None

    @property
    def exact(self) -> bool:
        """Whether it is written for one address."""
        return not self.subtree and "*" not in self.segments

    @property
    def loosens(self) -> bool:
        """Whether it may take the place of a derived default.

        Only a rule of the organisation or of a team, for an exact tool or a named pattern. A rule for
        named clients never does: clients name themselves.
        """
        return self.scope in ("org", "team") and bool(self.segments) and not self.spec.clients

    @property
    def terms_replace_default(self) -> bool:
        """Whether its approvers take the place of the default's."""
        return self.scope in ("org", "team") and not self.spec.clients

    def fits(self, given: list[str]) -> bool:
        """Whether an address (in segments) is within the pattern."""
        wanted = self.segments
        if len(given) < len(wanted) or (len(given) > len(wanted) and not self.subtree):
            return False
        return all(w in ("*", g) for w, g in zip(wanted, given, strict=False))

    def concerns(self, facts: Facts) -> bool:
        """Whether it is written for this caller, way, client and kind of effect."""
        if self.everyone:
            return True
        spec, caller = self.spec, facts.caller
        return (
            self._in_scope(facts)
            and (not self.groups or not self.groups.isdisjoint(caller.groups))
            and (not spec.subjects or caller.subject in spec.subjects)
            and (not spec.clients or facts.client in spec.clients)
            and (not spec.effects or facts.effect in spec.effects)
        )

    def _in_scope(self, facts: Facts) -> bool:
        if self.scope == "org":
            return True
        if self.scope == "team":
            return self.whose in facts.caller.groups
        if self.scope == "user":
            return self.whose == facts.caller.subject
        return self.whose == facts.toolkit

    def holds(self, arguments: dict[str, object]) -> bool:
        """Whether the condition holds; a condition that cannot be evaluated counts as the stricter case.

        That is: a rule that restricts then applies, a rule that allows then does not.
        """
        if self.condition is None:
            return True
        try:
            return self.condition.holds(arguments)
        except ConditionFailedError:
            return self.spec.effect != "allow"


def compile_rule(spec: RuleSpec, conditions: Conditions) -> Rule:
    """Check a rule as written and make it ready.

    Raises:
        InvalidRequestError: names `policies[<name>].<field>` and what is accepted.

    """
    where = f"policies[{spec.name}]"
    if not _NAME.fullmatch(spec.name):
        raise _invalid("policies[].name", spec.name, "1 to 200 characters without control characters")
    check_pattern(spec.tool, field=f"{where}.tool")
    scope, whose = _scope(spec.scope, f"{where}.scope")
    if not 1.0 <= spec.approvers.expires <= _MAX_EXPIRES:
        raise _invalid(f"{where}.approvers.expires", spec.approvers.expires, "1 second to 7 days")
    _check_texts(spec, where)
    condition = None
    if spec.when is not None:
        try:
            condition = conditions.compile(spec.when)
        except ValueError as error:
            raise _invalid(f"{where}.when", spec.when[:80], str(error)) from error
    segments = spec.tool.split(".")
    subtree = segments[-1] == "*"
    return Rule(
        spec=spec,
        scope=scope,
        whose=whose,
        segments=tuple(segments[:-1] if subtree else segments),
        subtree=subtree,
        groups=frozenset(spec.groups),
        everyone=scope == "org" and not (spec.groups or spec.subjects or spec.clients or spec.effects),
        condition=condition,
    )


def _check_texts(spec: RuleSpec, where: str) -> None:
    check_prose(spec.reason, _MAX_REASON, f"{where}.reason")
    for field, texts in (
        ("groups", spec.groups),
        ("subjects", spec.subjects),
        ("clients", spec.clients),
        ("approvers.groups", spec.approvers.groups),
    ):
        if bad := [text for text in texts if not keepable(text)]:
            raise _invalid(f"{where}.{field}", bad[0][:80], "names of 1 to 256 printable characters")


def _scope(text: str, field: str) -> tuple[str, str]:
    scope, _, whose = text.partition(":")
    if text == "org":
        return "org", ""
    good = scope in _SCOPES and bool(whose)
    if not good or (scope == "toolkit" and not _TOOLKIT.fullmatch(whose)):
        raise _invalid(field, text, "org, team:<group>, user:<subject> or toolkit:<slug>")
    return scope, whose


def _invalid(field: str, value: object, accepted: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"{field}: {value!r} is not accepted. Accepted: {accepted}.",
        details={"field": field, "value": value},
    )
