"""What policy needs from the world, in its own words."""

from collections.abc import Callable, Sequence
from typing import Protocol

from executor_policy.domain.approval import ApprovalUse, NewApproval, Resolution, StoredApproval
from executor_policy.domain.call import Admission, Call, CallQuery, Ending, FinishedCall
from executor_policy.domain.known import TenantPolicy
from executor_shared.views.catalog import CatalogView


class Catalog(Protocol):
    """Policy's own view of the catalog."""

    @property
    def view(self) -> CatalogView:
        """What is known now."""
        ...

    async def at_least(self, revision: int) -> None:
        """Return once the view is at `revision` or later.

        Raises:
            UnavailableError: it cannot be brought there now.

        """
        ...


class Policies(Protocol):
    """Rules and principals as stored, under one revision that grows with every change."""

    async def revision(self) -> int:
        """The revision now."""
        ...

    async def load(self) -> tuple[int, dict[str, TenantPolicy]]:
        """Everything at one revision."""
        ...

    async def change(
        self, tenant: str, amend: Callable[[TenantPolicy], TenantPolicy]
    ) -> tuple[TenantPolicy, TenantPolicy, int]:
        """Replace a tenant's policy by what `amend` makes of it, in one transaction.

        Changes follow each other. What `amend` raises is raised, and nothing is changed. Returns what was,
        what is, and the revision, which stays where nothing is different.

        Raises:
            InvalidRequestError: a key belongs to someone of another tenant already.

        """
        ...


class Approvals(Protocol):
    """Paused calls."""

    async def ask(self, wanted: NewApproval) -> StoredApproval:
        """The approval that such a call waits for.

        An identical pending one is joined; an identical denied one that was not told yet is told, once;
        else a new one is made.

        Raises:
            BusyError: the requester has too many waiting.

        """
        ...

    async def get(self, tenant: str, approval: str) -> StoredApproval | None:
        """One approval."""
        ...

    async def page(
        self, tenant: str, *, seen_by: tuple[str, frozenset[str]] | None, before: str | None, limit: int
    ) -> list[StoredApproval]:
        """Newest first, after the cursor `before` (an approval id).

        With `seen_by` (subject, groups) only those that the subject asked for or a group of which is named.
        """
        ...

    async def resolve(self, resolution: Resolution) -> StoredApproval | None:
        """Move one on, if it still stands in a state from which that is possible; else None."""
        ...

    async def tell(self, tenant: str, approval: str) -> None:
        """Remember that the requester was told that it was denied."""
        ...

    async def expire(self, now: float) -> list[StoredApproval]:
        """Close those whose time has passed."""
        ...


class Calls(Protocol):
    """The record of calls."""

    async def admit(self, call: Call, *, policy_revision: int, use: ApprovalUse | None = None) -> Admission:
        """Record durably that a call may run, spending the approval that it needs: all or nothing.

        Refused where the policy moved on from `policy_revision`, the call id or the idempotency key was
        used before, or (with `use`) no approval fits.
        """
        ...

    async def note(self, calls: Sequence[Call]) -> None:
        """Record calls that need no promise before they run; known ids are left alone."""
        ...

    async def used_key(self, tenant: str, subject: str, tool: str, key: str) -> FinishedCall | None:
        """The call that used an idempotency key."""
        ...

    async def finish(self, endings: Sequence[Ending]) -> None:
        """Write how calls ended, each once; only `unknown` is ever corrected."""
        ...

    async def get(self, tenant: str, call: str) -> FinishedCall | None:
        """One call with its outcome, if any."""
        ...

    async def page(self, query: CallQuery) -> list[FinishedCall]:
        """Newest first."""
        ...

    async def close_orphans(self, *, due_after: float, due_before: float, at: float) -> int:
        """Call everything `unknown` that may have run, had to end between the two, and never did."""
        ...


class Recorder(Protocol):
    """Takes records of calls that need not be durable at once. Bounded."""

    def note(self, call: Call) -> None:
        """Take one; written within a second.

        Raises:
            BusyError: the record is not being written and the buffer is full.

        """
        ...

    def end(self, ending: Ending) -> None:
        """Take how a call ended; written within a second. One too many is lost, and closed as `unknown` later."""
        ...

    async def flush(self) -> None:
        """Write everything that waits, so that a reader sees its own calls.

        Raises:
            ExecutorError: the record cannot be written now.

        """
        ...


class Announcer(Protocol):
    """Tells others, after the fact is stored. A hint that may be lost."""

    async def policy_changed(self, revision: int) -> None:
        """Rules or principals changed."""
        ...

    async def approval_resolved(self, approval: StoredApproval) -> None:
        """An approval left `pending`."""
        ...
