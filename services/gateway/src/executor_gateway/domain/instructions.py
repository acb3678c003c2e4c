"""The `instructions` text that clients show to their model: what is behind this endpoint."""

from executor_gateway.domain.endpoint import Endpoints, Served
from executor_shared.contracts.vocabulary import Principal
from executor_shared.views.catalog import may_use

_MAX_BYTES = 2_048
_NAME_SHOWN = 80
_TEXT = (
    "Tools of several systems, each named <system>__<tool>. Every call passes a policy. If a result says that "
    "an approval is needed, show its link to the user and call the tool again with the same arguments afterwards."
)


def instructions(endpoints: Endpoints, principal: Principal, served: Served) -> str:
    """The house's own words and one line for each integration that the principal may use, in 2 KiB."""
    view = endpoints.view
    if served.toolkit:
        return _TEXT
    if served.connection:
        slugs = {served.connection.integration}
    else:
        slugs = {c.integration for c in view.connections(principal.tenant) if may_use(principal, c)}
    lines = [_TEXT]
    size = len(_TEXT)
    for slug in sorted(slugs):
        integration = view.integration(principal.tenant, slug)
        name = " ".join(integration.name.split())[:_NAME_SHOWN] if integration else ""
        line = f"- {slug}: {name}" if name and name != slug else f"- {slug}"
        size += len(line.encode()) + 1
        if size > _MAX_BYTES:
            break
        lines.append(line)
    return "\n".join(lines)
