"""Telling the record how a call ended."""

import time
from dataclasses import dataclass

from executor_shared.bus import Bus
from executor_shared.contracts.policy import CALL_FINISHED, CallFinished
from executor_shared.contracts.vocabulary import Outcome


@dataclass(frozen=True, slots=True)
class BusReports:
    """Says `CALL_FINISHED`."""

    bus: Bus

    async def finished(self, call: str, outcome: Outcome, code: str | None) -> None:
        """See `Reports.finished`."""
        said = CallFinished(call=call, outcome=outcome, code=code, finished_at=time.time())
        await self.bus.say(CALL_FINISHED, said)
