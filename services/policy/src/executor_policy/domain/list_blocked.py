"""Which tools are blocked for a caller, whatever the arguments: those are not even listed."""

from dataclasses import dataclass

from executor_policy.domain.facts import Facts
from executor_policy.domain.ports import Catalog
from executor_policy.domain.standing import Standing
from executor_shared.contracts.policy import Blocked, ListBlocked
from executor_shared.views.patterns import matches


@dataclass(frozen=True, slots=True)
class ListBlockedTools:
    """Answer `LIST_BLOCKED`."""

    standing: Standing
    catalog: Catalog

    async def __call__(self, ask: ListBlocked) -> Blocked:
        """The blocked ones among the tools that the caller (and the toolkit) may see."""
        await self.catalog.at_least(ask.revision)
        snapshot = self.standing.now
        caller = snapshot.who(ask.proof)
        rules, view = snapshot.rules_of(caller.tenant), self.catalog.view
        offered = ("*",)
        if ask.toolkit is not None:
            toolkit = view.toolkit(caller.tenant, ask.toolkit)
            offered = toolkit.tools if toolkit else ()
        blocked: list[str] = []
        for routed in view.visible(caller):
            tool = routed.tool
            if not any(matches(pattern, tool.address) for pattern in offered):
                continue
            facts = Facts(caller=caller, address=tool.address, effect=tool.effect, toolkit=ask.toolkit)
            if rules.blocked_whatever(facts):
                blocked.append(tool.id)
        return Blocked(tools=tuple(sorted(blocked)), policy_revision=snapshot.revision)
