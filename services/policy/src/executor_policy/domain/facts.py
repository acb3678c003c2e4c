"""What a decision is made from, and what comes out of it."""

from dataclasses import dataclass, field

from executor_shared.contracts.policy import PolicyEffect
from executor_shared.contracts.vocabulary import Effect, Principal

DEFAULT_RULE = "default"
"""Name of the deciding rule where no written rule decided."""

DEFAULT_EXPIRES = 900.0
"""Seconds that an approval waits for a decision where no rule says otherwise."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One call, as rules see it.

    Attributes:
        caller: who calls, resolved from the proof.
        address: of the tool.
        effect: what the tool does upstream, as the catalog knows it.
        toolkit: slug of the toolkit endpoint that the call came through, if any.
        client: the name that the client gave itself; never loosens anything.
        arguments: the parsed arguments.

    """

    caller: Principal
    address: str
    effect: Effect
    toolkit: str | None = None
    client: str = ""
    arguments: dict[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Terms:
    """Who may approve, and how long the approval waits.

    Attributes:
        clauses: an approver satisfies every clause: a member of one of its groups, or, where a clause is
            empty, an administrator.
        requester_may: whether the person who asked may also decide.
        expires: seconds to decide.

    """

    clauses: tuple[tuple[str, ...], ...] = ((),)
    requester_may: bool = False
    expires: float = DEFAULT_EXPIRES

    @property
    def groups(self) -> tuple[str, ...]:
        """Every group that any clause names."""
        return tuple(sorted({group for clause in self.clauses for group in clause}))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of one call.

    Attributes:
        effect: the most restrictive of all that applied.
        rule: name of the deciding rule, or `default`.
        matched: names of all rules that applied, for the explanation.
        reason: in the rule's own words, for people.
        terms: how it may be approved, where approval is required.

    """

    effect: PolicyEffect
    rule: str
    matched: tuple[str, ...] = ()
    reason: str = ""
    terms: Terms = Terms()
