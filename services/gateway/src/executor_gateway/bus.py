"""What the gateway hears. It answers nobody: no service may ask it."""

from collections.abc import Callable
from typing import Any

from executor_shared.bus import Listener
from executor_shared.contracts.gateway import SESSION_ENDED, SessionEnded
from executor_shared.contracts.policy import POLICY_CHANGED, PolicyChanged


def listeners(
    *, policy_changed: Callable[[], None], session_ended: Callable[[SessionEnded], None]
) -> tuple[Listener[Any], ...]:
    """Listeners of every replica; that of the catalog is the follower's own."""

    async def hear_policy(event: PolicyChanged) -> None:
        del event
        policy_changed()

    async def hear_session(event: SessionEnded) -> None:
        session_ended(event)

    return (Listener(POLICY_CHANGED, hear_policy), Listener(SESSION_ENDED, hear_session))
