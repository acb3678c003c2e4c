"""Policy put together."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from executor_policy.bus import UseCases, handlers, listeners
from executor_policy.clients.announcer import BusAnnouncer
from executor_policy.clients.catalog import FollowedCatalog
from executor_policy.clients.cel import CelConditions
from executor_policy.domain.apply_policy import ApplyPolicies, ExportPolicies
from executor_policy.domain.begin import Begin
from executor_policy.domain.close_calls import CloseOverdue, FinishCall
from executor_policy.domain.conditions import Conditions
from executor_policy.domain.decide_call import DecideCalls
from executor_policy.domain.freshness import SeenCalls
from executor_policy.domain.grant_discovery import GrantDiscoveries
from executor_policy.domain.identify import IdentifyCaller
from executor_policy.domain.keeping import ArgumentsVault
from executor_policy.domain.list_blocked import ListBlockedTools
from executor_policy.domain.pause_call import PauseCall
from executor_policy.domain.ports import Announcer, Approvals, Calls, Catalog, Policies, Recorder
from executor_policy.domain.read_approvals import ReadApproval, ReadApprovals
from executor_policy.domain.read_calls import ReadCall, ReadCalls
from executor_policy.domain.resolve_approval import ResolveApprovals
from executor_policy.domain.standing import Standing
from executor_policy.settings import PolicySettings, key_of
from executor_policy.storage.approvals import PostgresApprovals
from executor_policy.storage.batching import BatchingRecorder
from executor_policy.storage.calls import PostgresCalls
from executor_policy.storage.policies import PostgresPolicies
from executor_policy.storage.sealed import AesArguments
from executor_shared.bus import Bus
from executor_shared.clock import Clock, SystemClock
from executor_shared.contracts.base import ServiceName
from executor_shared.db import Database
from executor_shared.grants import GrantSigner
from executor_shared.service.periodic import repeated
from executor_shared.service.service import Definition, Service
from executor_shared.views.catalog import CatalogView
from executor_shared.views.follow import Follower

SCHEMA = "policy"
_POLL_SECONDS = 30.0
_WORK_SECONDS = 10.0
_SWEEP_SECONDS = 60.0


def use_cases(
    *,
    standing: Standing,
    catalog: Catalog,
    policies: Policies,
    approvals: Approvals,
    calls: Calls,
    recorder: Recorder,
    vault: ArgumentsVault,
    conditions: Conditions,
    announcer: Announcer,
    signer: GrantSigner,
    clock: Clock,
) -> UseCases:
    """The use cases over any implementation of their ports."""
    seen = SeenCalls()
    return UseCases(
        identify=IdentifyCaller(standing),
        decide=DecideCalls(
            standing=standing,
            catalog=catalog,
            calls=calls,
            recorder=recorder,
            pause=PauseCall(approvals, vault, clock),
            vault=vault,
            signer=signer,
            seen=seen,
            clock=clock,
        ),
        grant_discovery=GrantDiscoveries(standing, signer, seen, clock),
        list_blocked=ListBlockedTools(standing, catalog),
        get_approval=ReadApproval(standing, approvals, vault, clock),
        list_approvals=ReadApprovals(standing, approvals, vault, clock),
        resolve_approval=ResolveApprovals(standing, approvals, vault, announcer, clock),
        get_call=ReadCall(standing, calls, recorder),
        list_calls=ReadCalls(standing, calls, recorder),
        apply=ApplyPolicies(standing, policies, conditions, announcer),
        export=ExportPolicies(standing),
        finish=FinishCall(recorder, clock),
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    """What runs beside the use cases."""

    use: UseCases
    standing: Standing
    recorder: BatchingRecorder
    follower: Follower
    sweep: CloseOverdue
    begin: Begin


def _parts(settings: PolicySettings, bus: Bus, db: Database) -> _Parts:
    signer = GrantSigner(key_of(settings.policy.signing_seed, "signing_seed"))
    vault = AesArguments(key_of(settings.policy.arguments_key, "arguments_key"))
    clock, conditions, announcer = SystemClock(), CelConditions(), BusAnnouncer(bus)
    policies, approvals, calls = PostgresPolicies(db), PostgresApprovals(db), PostgresCalls(db)
    view = CatalogView()
    follower, recorder = Follower(bus, view, facts_only=True), BatchingRecorder(calls)
    standing = Standing(policies, conditions, clock)
    use = use_cases(
        standing=standing,
        catalog=FollowedCatalog(view, follower),
        policies=policies,
        approvals=approvals,
        calls=calls,
        recorder=recorder,
        vault=vault,
        conditions=conditions,
        announcer=announcer,
        signer=signer,
        clock=clock,
    )
    sweep = CloseOverdue(calls, approvals, announcer, clock, settings.policy.orphan_grace)
    begin = Begin(standing, policies, settings.policy.bootstrap_admin_proof)
    return _Parts(use, standing, recorder, follower, sweep, begin)


async def _start(parts: _Parts, stack: AsyncExitStack) -> None:
    """Bring everything to life; the stack ends it in reverse."""
    await parts.begin()
    await parts.recorder.start()
    stack.push_async_callback(parts.recorder.stop)
    await parts.sweep(since_ever=True)
    for work, every, name in (
        (parts.standing.refresh, _POLL_SECONDS, "policy.refresh"),
        (parts.sweep, _SWEEP_SECONDS, "calls.sweep"),
    ):
        await stack.enter_async_context(repeated(work, every=every, within=_WORK_SECONDS, name=name))
    stack.push_async_callback(parts.follower.stop)
    await parts.follower.start()


@asynccontextmanager
async def compose(settings: PolicySettings, bus: Bus) -> AsyncGenerator[Service]:
    """Open what policy needs, and yield the service."""
    async with Database.open(settings.database, schema=SCHEMA) as db, AsyncExitStack() as stack:
        parts = _parts(settings, bus, db)

        async def start() -> None:
            await _start(parts, stack)

        async def in_force() -> None:
            _ = parts.standing.now

        yield Service(
            name=ServiceName.POLICY,
            handlers=handlers(parts.use),
            listeners=(parts.follower.listener, *listeners(parts.use, parts.standing)),
            start=start,
            ready={"database": db.ping, "policy": in_force},
        )


POLICY = Definition(
    name=ServiceName.POLICY,
    settings=PolicySettings,
    compose=compose,
    migrations="executor_policy.storage.migrations",
)
