"""How long decisions take: `python services/policy/tests/policy/bench_decide.py`. Not a test; prints a table.

Two kinds of 200 rules: as they are usually written (most for one tool), and the worst case (patterns that all
have to be tried), the latter also with ten conditions that all have to be evaluated. Times are CPU time of the
thread, so that other work on the machine does not count.
"""

import gc
import statistics
import time
from collections.abc import Callable

from executor_policy.clients.cel import CelConditions
from executor_policy.domain.decide import RuleSet
from executor_policy.domain.facts import Facts
from executor_policy.domain.rules import compile_rule
from executor_shared.contracts.policy import RuleSpec
from executor_shared.contracts.vocabulary import Principal
from executor_shared.grants import Grant, GrantSigner, GrantVerifier

ROUNDS = 20_000
CALLER = Principal(tenant="t", subject="alice", person="alice", groups=("support", "eu"))
FACTS = Facts(
    caller=CALLER, address="crm.org.main.customers.delete", effect="destructive", arguments={"count": 3}
)


def rules(patterns: list[str], conditions: int = 0) -> RuleSet:
    """Compiled rules of all effects."""
    specs = [
        RuleSpec(
            name=f"rule {number}",
            effect=("allow", "require_approval", "block")[number % 2],
            tool=pattern,
            groups=("support",) if number % 3 == 0 else (),
            when="args.count > 10" if number < conditions else None,
        )
        for number, pattern in enumerate(patterns)
    ]
    return RuleSet([compile_rule(spec, CelConditions()) for spec in specs])


def measure(name: str, work: Callable[[], object]) -> None:
    """Print the median and the 99th percentile in microseconds."""
    for _ in range(1000):
        work()
    took: list[float] = []
    gc.disable()
    for _ in range(ROUNDS):
        began = time.thread_time()
        work()
        took.append((time.thread_time() - began) * 1e6)
    gc.enable()
    p99 = statistics.quantiles(took, n=100)[98]
    print(f"{name:44} p50 {statistics.median(took):8.1f} us   p99 {p99:8.1f} us")  # noqa: T201 - prints a table


def main() -> None:
    """Measure."""
    usual = rules([f"api{n}.org.main.tool{n}" for n in range(180)] + ["crm.*"] * 10 + ["*"] * 10)
    worst = rules([f"*.*.main.customers.{'delete' if n % 2 else 'list'}" for n in range(200)])
    heavy = rules(["crm.*"] * 200, conditions=10)
    measure("200 rules, as usually written", lambda: usual.decide(FACTS))
    measure("200 rules, all patterns tried", lambda: worst.decide(FACTS))
    measure("200 rules, all apply, 10 conditions", lambda: heavy.decide(FACTS))
    signer, now = GrantSigner(bytes(32)), time.time()
    verifier = GrantVerifier((signer.public_key,))
    grant = Grant(
        purpose="call",
        call="call_x",
        tenant="t",
        subject="alice",
        connection="conn_x",
        origin="https://crm.example:443",
        issued_at=now,
        deadline=now + 1e6,
        arguments="0" * 64,
        definition="0" * 64,
    )
    signed = signer.sign(grant)
    measure("sign a grant", lambda: signer.sign(grant))
    measure("verify a grant", lambda: verifier.verify(signed))


if __name__ == "__main__":
    main()
