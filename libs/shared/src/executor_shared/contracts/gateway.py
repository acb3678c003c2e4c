"""What the gateway announces to its other replicas."""

from executor_shared.contracts.base import Event, Message, ServiceName


class SessionEnded(Message, frozen=True, kw_only=True):
    """A client ended its legacy MCP session: every replica refuses it until `expires_at`."""

    session: str
    expires_at: float


SESSION_ENDED = Event(
    subject="executor.gateway.v1.session.ended",
    owner=ServiceName.GATEWAY,
    speakers=frozenset({ServiceName.GATEWAY}),
    hearers=frozenset({ServiceName.GATEWAY}),
    says=SessionEnded,
)
