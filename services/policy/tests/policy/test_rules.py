"""Composition of rules: against a reference evaluator in a small world, and as properties."""

import itertools
from dataclasses import replace
from random import Random
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from executor_policy.clients.cel import CelConditions
from executor_policy.domain.decide import RuleSet
from executor_policy.domain.facts import Facts, Verdict
from executor_policy.domain.rules import compile_rule
from executor_shared.contracts.policy import Approvers, PolicyEffect, RuleSpec
from executor_shared.contracts.vocabulary import Effect, Principal
from executor_shared.views.patterns import matches

ORDER = ("allow", "require_approval", "block")
CONDITIONS = CelConditions()
ALICE = Principal(tenant="t", subject="alice", person="alice", groups=("support",))
FACTS = Facts(caller=ALICE, address="crm.org.main.a", effect="destructive", toolkit="kit", client="claude")


def decide(rules: "list[RuleSpec] | tuple[RuleSpec, ...]", facts: Facts = FACTS) -> Verdict:
    return RuleSet([compile_rule(rule, CONDITIONS) for rule in rules]).decide(facts)


def reference(rules: "list[RuleSpec] | tuple[RuleSpec, ...]", facts: Facts) -> PolicyEffect:
    """The same, as plainly as it can be said."""
    caller, strictest = facts.caller, 0 if facts.effect == "read" else 1
    said: list[int] = []
    for rule in rules:
        scope, _, whose = rule.scope.partition(":")
        mine = {
            "org": True,
            "team": whose in caller.groups,
            "user": whose == caller.subject,
            "toolkit": whose == facts.toolkit,
        }[scope]
        if not mine or not matches(rule.tool, facts.address):
            continue
        if rule.groups and not set(rule.groups) & set(caller.groups):
            continue
        if rule.subjects and caller.subject not in rule.subjects:
            continue
        if rule.clients and facts.client not in rule.clients:
            continue
        if rule.effects and facts.effect not in rule.effects:
            continue
        if rule.when == "args.n > 1":
            n = facts.arguments.get("n")
            holds = n > 1 if isinstance(n, int) else rule.effect != "allow"
            if not holds:
                continue
        said.append(ORDER.index(rule.effect))
        if rule.effect == "allow" and scope in ("org", "team") and rule.tool != "*" and not rule.clients:
            strictest = 0
    return ORDER[max([strictest, *said])]  # pyright: ignore[reportReturnType] - one of ORDER


KINDS = [
    RuleSpec(name="1", effect="allow", tool="crm.org.main.a"),
    RuleSpec(name="2", effect="allow", tool="*"),
    RuleSpec(name="3", effect="allow", tool="crm.*", scope="team:support"),
    RuleSpec(name="4", effect="allow", tool="crm.org.*.a", scope="user:alice"),
    RuleSpec(name="5", effect="allow", tool="crm.*", scope="toolkit:kit", when="args.n > 1"),
    RuleSpec(name="6", effect="allow", tool="crm.*", scope="team:other"),
]


def test_every_small_world_decides_as_the_reference():
    """All choices of up to four kinds of rule, each with every effect, on every effect of the tool."""
    seen = 0
    for count in range(5):
        for kinds in itertools.combinations(KINDS, count):
            for effects in itertools.product(get_args(PolicyEffect), repeat=count):
                rules = [
                    msgspec.structs.replace(kind, effect=effect)
                    for kind, effect in zip(kinds, effects, strict=True)
                ]
                compiled = RuleSet([compile_rule(rule, CONDITIONS) for rule in rules])
                for effect, n in itertools.product(("read", "destructive"), (None, 1, 2)):
                    facts = replace(FACTS, effect=effect, arguments={} if n is None else {"n": n})
                    assert compiled.decide(facts).effect == reference(rules, facts), (rules, facts)
                    seen += 1
    assert seen > 10_000


patterns = st.sampled_from(
    [
        "*",
        "crm.*",
        "crm.org.main.a",
        "crm.org.main.b",
        "crm.*.main.a",
        "*.org.main.a",
        "crm.org.main.a.*",
        "x.*",
    ]
)
scopes = st.sampled_from(
    ["org", "team:support", "team:x", "user:alice", "user:bob", "toolkit:kit", "toolkit:no"]
)
rule_specs = st.builds(
    RuleSpec,
    name=st.uuids().map(str),
    effect=st.sampled_from(get_args(PolicyEffect)),
    tool=patterns,
    scope=scopes,
    groups=st.sampled_from([(), ("support",), ("x",), ("x", "support")]),
    subjects=st.sampled_from([(), ("alice",), ("bob",)]),
    clients=st.sampled_from([(), ("claude",), ("other",)]),
    effects=st.sampled_from([(), ("read",), ("write", "destructive")]),
    when=st.sampled_from([None, None, "args.n > 1"]),
    approvers=st.builds(
        Approvers,
        groups=st.sampled_from([(), ("a",), ("a", "b")]),
        requester=st.booleans(),
        expires=st.sampled_from([60.0, 900.0]),
    ),
)
facts_of = st.builds(
    Facts,
    caller=st.sampled_from([ALICE, Principal(tenant="t", subject="bob", person="bob", admin=True)]),
    address=st.sampled_from(
        ["crm.org.main.a", "crm.org.main.a.deep", "crm.user.main.a", "x.org.main.a", "a"]
    ),
    effect=st.sampled_from(get_args(Effect)),
    toolkit=st.sampled_from([None, "kit"]),
    client=st.sampled_from(["", "claude"]),
    arguments=st.sampled_from([{}, {"n": 1}, {"n": 2}, {"n": "2"}, {"n": None}]),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(rule_specs, max_size=8), facts_of)
def test_any_rules_decide_as_the_reference(rules: list[RuleSpec], facts: Facts):
    assert decide(rules, facts).effect == reference(rules, facts)


@settings(max_examples=300, deadline=None)
@given(st.lists(rule_specs, max_size=6), rule_specs, facts_of)
def test_adding_a_rule_that_restricts_never_laxens(rules: list[RuleSpec], more: RuleSpec, facts: Facts):
    if more.effect == "allow":
        return
    before, after = decide(rules, facts), decide([*rules, more], facts)
    assert ORDER.index(after.effect) >= ORDER.index(before.effect)


@settings(max_examples=300, deadline=None)
@given(st.lists(rule_specs, max_size=6), facts_of, st.randoms(use_true_random=False))
def test_order_says_nothing(rules: list[RuleSpec], facts: Facts, random: Random):
    mixed = list(rules)
    random.shuffle(mixed)
    assert decide(mixed, facts) == decide(rules, facts)


@settings(max_examples=300, deadline=None)
@given(st.lists(rule_specs, max_size=6), facts_of)
def test_a_condition_that_fails_is_never_laxer_than_one_that_works(rules: list[RuleSpec], facts: Facts):
    """Error injection: whatever the failing conditions would have said, the failure is at least as strict."""
    failing = [rule for rule in rules if rule.when]
    broken = replace(facts, arguments={"n": "not a number"})
    strict = ORDER.index(decide(rules, broken).effect)
    for said in itertools.product((True, False), repeat=min(len(failing), 4)):
        answers = iter(said)
        worked = [
            msgspec.structs.replace(rule, when="true" if next(answers, True) else "false")
            if rule.when
            else rule
            for rule in rules
        ]
        assert strict >= ORDER.index(decide(worked, facts).effect)


ALLOW = RuleSpec(name="r", effect="allow", tool="crm.org.main.a")


@pytest.mark.parametrize(
    "how",
    [
        {"tool": "*", "scope": "user:alice"},
        {"scope": "user:alice"},
        {"scope": "toolkit:kit"},
        {"tool": "*"},
        {"tool": "*", "effects": ("destructive",)},
        {"tool": "*", "scope": "team:support"},
        {"clients": ("claude",)},
    ],
)
def test_a_users_or_toolkits_own_rule_or_a_bare_star_never_loosens_a_default(how: dict[str, object]):
    assert decide([msgspec.structs.replace(ALLOW, **how)]).effect == "require_approval"


@pytest.mark.parametrize("how", [{}, {"tool": "crm.*"}, {"scope": "team:support"}, {"groups": ("support",)}])
def test_an_organisations_or_teams_rule_for_a_named_tool_loosens_a_default(how: dict[str, object]):
    assert decide([msgspec.structs.replace(ALLOW, **how)]).effect == "allow"


def test_a_verdict_names_the_deciding_rule_and_all_that_applied():
    rules = [
        RuleSpec(name="b", effect="block", tool="crm.*", reason="Closed."),
        RuleSpec(name="a", effect="require_approval", tool="*"),
        RuleSpec(name="c", effect="allow", tool="crm.*"),
        RuleSpec(name="d", effect="block", tool="other.*"),
    ]
    verdict = decide(rules)
    assert (verdict.effect, verdict.rule, verdict.matched, verdict.reason) == (
        "block",
        "b",
        ("a", "b", "c"),
        "Closed.",
    )
    assert decide([]).rule == "default"


@pytest.mark.parametrize(("effect", "said"), [("read", "allow"), ("write", "require_approval")])
def test_without_rules_the_effect_of_the_tool_decides(effect: Effect, said: str):
    assert decide([], replace(FACTS, effect=effect)).effect == said
