"""NATS permissions, computed from the contracts: the bus enforces what the contracts say."""

from dataclasses import dataclass

from executor_shared.contracts.all import EVENTS, REQUESTS
from executor_shared.contracts.base import Request, ServiceName

_REPLY_SECONDS = 330


@dataclass(frozen=True, slots=True)
class Permissions:
    """What one service may do on the bus; subjects may hold `*` and `>`.

    Attributes:
        publish: subjects it may send to.
        subscribe: subjects it may listen on; `"<subject> <queue>"` allows queue subscriptions only.
        allow_responses: it may answer the requests that it received (and nothing else).

    """

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    allow_responses: bool

    def as_nats(self) -> dict[str, object]:
        """The `permissions` block of a nats-server user."""
        block: dict[str, object] = {
            "publish": {"allow": list(self.publish)},
            "subscribe": {"allow": list(self.subscribe)},
        }
        if self.allow_responses:
            block["allow_responses"] = {"max": 1, "expires": f"{_REPLY_SECONDS}s"}
        return block


def inbox_of(service: ServiceName) -> str:
    """Prefix of the reply subjects of a service; every connection appends its own token."""
    return f"_INBOX_{service}"


def subject_pattern(request: Request) -> str:  # pyright: ignore[reportMissingTypeArgument, reportUnknownParameterType]
    """The subject with a `*` for every routed token."""
    return ".".join([request.subject, *["*"] * request.routed])


def permissions_of(service: ServiceName) -> Permissions:
    """Everything `service` may do on the bus.

    The vault-broker answers into an explicit list of inboxes instead of `allow_responses`: a service that
    holds secrets must not be made to publish wherever an asker's reply subject points.
    """
    publish = {subject_pattern(r) for r in REQUESTS if service in r.callers}
    publish |= {e.subject for e in EVENTS if service in e.speakers}
    subscribe = {f"{subject_pattern(r)} {service}" for r in REQUESTS if r.owner == service}
    subscribe |= {e.subject for e in EVENTS if service in e.hearers}
    subscribe.add(f"{inbox_of(service)}.>")
    answers = any(r.owner == service for r in REQUESTS)
    explicit = service is ServiceName.VAULT_BROKER
    if explicit:
        askers = {caller for r in REQUESTS if r.owner == service for caller in r.callers}
        publish |= {f"{inbox_of(asker)}.>" for asker in askers}
    return Permissions(tuple(sorted(publish)), tuple(sorted(subscribe)), answers and not explicit)
