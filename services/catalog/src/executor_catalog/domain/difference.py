"""What a discovery changes in the tools of one connection."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from executor_catalog.domain.registration import Offer
from executor_catalog.domain.state import Definition, KnownTool

REJECTED = "rejected: the upstream still offers the definition that was rejected"


@dataclass(slots=True)
class Difference:
    """Tools to write, and the same by own name for people.

    New tools have no id and no name yet. `held` are those that wait because of this discovery.
    """

    tools: list[KnownTool] = field(default_factory=list[KnownTool])
    definitions: dict[str, Definition] = field(default_factory=dict[str, Definition])
    added: list[str] = field(default_factory=list[str])
    changed: list[str] = field(default_factory=list[str])
    removed: list[str] = field(default_factory=list[str])
    held: list[str] = field(default_factory=list[str])
    set_aside: dict[str, str] = field(default_factory=dict[str, str])


def difference(
    connection: str, known: Mapping[str, KnownTool], offer: Offer, *, review: bool, first: bool
) -> Difference:
    """Compare what is known (by own name, tombstones included) with what is offered.

    Args:
        connection: id, for tools not known yet.
        known: the connection's tools.
        offer: what the upstream offers now.
        review: new and changed definitions wait for acceptance.
        first: the connection's first import, which is accepted whole.

    """
    found = Difference(set_aside=dict(offer.set_aside))
    hold = review and not first
    for own_name, definition in offer.tools.items():
        before = known.get(own_name)
        start = before or KnownTool(id="", connection=connection, own_name=own_name)
        after = _offered(start, definition, hold=hold)
        _note(found, before, after, definition)
    for own_name, reason in offer.set_aside.items():
        start = known.get(own_name) or KnownTool(id="", connection=connection, own_name=own_name)
        after = replace(start, state="set_aside", reason=reason, proposed="", removed=False)
        if after != known.get(own_name):
            found.tools.append(after)
    for own_name, before in known.items():
        if not before.removed and own_name not in offer.tools and own_name not in offer.set_aside:
            found.tools.append(replace(before, removed=True, proposed=""))
            found.removed.append(own_name)
    return found


def _offered(tool: KnownTool, definition: Definition, *, hold: bool) -> KnownTool:
    new = definition.fingerprint
    present = replace(tool, removed=False, reason="", proposed="")
    if new == tool.accepted:  # exactly what was accepted before, whatever came in between
        return replace(present, state="active")
    if not hold:
        return replace(present, state="active", accepted=new, rejected="")
    if new == tool.rejected:
        return replace(present, state="held", reason=REJECTED)
    reason = "changed: waits for acceptance" if tool.accepted else "new: waits for acceptance"
    return replace(present, state="held", proposed=new, reason=reason)


def _note(found: Difference, before: KnownTool | None, after: KnownTool, definition: Definition) -> None:
    if after == before:
        return
    found.tools.append(after)
    found.definitions[definition.fingerprint] = definition
    if after.proposed:
        found.held.append(after.own_name)
    if before is None or before.removed:
        found.added.append(after.own_name)
    elif not after.proposed or before.accepted:
        found.changed.append(after.own_name)
