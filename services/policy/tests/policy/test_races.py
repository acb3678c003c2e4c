"""Many at once on a real PostgreSQL: each approval, id and key is spent exactly once."""

import asyncio

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from executor_policy.storage import rows
from executor_shared.contracts.policy import Allow, AlreadyCalled, ApprovalNeeded, RuleSpec
from executor_shared.db import Database
from executor_shared.errors import ConflictError, NotAuthenticatedError, NotPermittedError

from .house import ADMIN, House

pytestmark = pytest.mark.connected

RACERS = 10
ROUNDS = 30


@pytest.mark.timeout(120)
async def test_ten_racers_spend_an_approval_once(postgres_house: House, db: Database):
    house = postgres_house
    alice, tool = await house.person("alice"), house.tool("delete", effect="destructive")
    for number in range(ROUNDS):
        asked = await house.call(alice, tool, {"n": number})
        assert isinstance(asked, ApprovalNeeded)
        await house.resolve(ADMIN, asked.approval, "approve")
        answers = await asyncio.gather(*(house.call(alice, tool, {"n": number}) for _ in range(RACERS)))
        allowed = [a for a in answers if isinstance(a, Allow)]
        waiting = {a.approval for a in answers if isinstance(a, ApprovalNeeded)}
        assert [a.approval for a in allowed] == [asked.approval]
        assert len(waiting) == 1
        assert asked.approval not in waiting
        await house.resolve(alice, waiting.pop(), "withdraw")
        await house.recorder.flush()
    async with db.transaction() as tx:
        spent = await tx.scalar(select(func.count()).where(rows.approval.c.state == "consumed"))
        ran = await tx.scalar(
            select(func.count())
            .where(rows.call.c.approval.is_not(None))
            .where(rows.call.c.id.in_(select(rows.approval.c.consumed_by)))
        )
    assert (spent, ran) == (ROUNDS, ROUNDS)


async def test_ten_identical_calls_wait_for_one_approval(postgres_house: House):
    house = postgres_house
    alice, tool = await house.person("alice"), house.tool("delete", effect="write")
    answers = await asyncio.gather(*(house.call(alice, tool) for _ in range(RACERS)))
    assert len({a.approval for a in answers if isinstance(a, ApprovalNeeded)}) == 1


@pytest.mark.timeout(120)
async def test_approving_and_withdrawing_at_once_has_one_winner(postgres_house: House):
    house = postgres_house
    alice, tool = await house.person("alice"), house.tool("delete", effect="write")
    second = await house.person("second", admin=True)
    for number in range(ROUNDS):
        asked = await house.call(alice, tool, {"n": number})
        assert isinstance(asked, ApprovalNeeded)
        answers = await asyncio.gather(
            *(
                house.resolve(token, asked.approval, decision)
                for token, decision in (
                    (ADMIN, "approve"),
                    (second, "deny"),
                    (ADMIN, "approve"),
                    (second, "deny"),
                )
            ),
            return_exceptions=True,
        )
        won = {a for a in answers if isinstance(a, str)}
        assert len(won) == 1
        assert all(isinstance(a, str | ConflictError) for a in answers)


async def test_an_idempotency_key_and_a_call_id_have_one_winner(postgres_house: House):
    house = postgres_house
    await house.apply(RuleSpec(name="ok", effect="allow", tool="crm.*"))
    tool = house.tool("a", effect="write")
    answers = await asyncio.gather(
        *(house.call(ADMIN, tool, {"n": 1}, idempotency_key="k") for _ in range(RACERS))
    )
    assert sum(isinstance(a, Allow) for a in answers) == 1
    assert sum(isinstance(a, AlreadyCalled) for a in answers) == RACERS - 1
    same = await asyncio.gather(
        *(house.call(ADMIN, tool, id_="call_same") for _ in range(RACERS)), return_exceptions=True
    )
    assert sum(isinstance(a, Allow) for a in same) == 1
    assert sum(isinstance(a, ConflictError) for a in same) == RACERS - 1


async def test_two_administrators_cannot_remove_each_other_at_once(postgres_house: House):
    house = postgres_house
    second = await house.person("second", admin=True)
    answers = await asyncio.gather(
        house.apply(remove_principals=("second",)),
        house.apply(remove_principals=("admin",), token=second),
        return_exceptions=True,
    )
    # Whoever comes second is the last one with a key, or is nobody any more by then.
    refused = [a for a in answers if isinstance(a, BaseException)]
    assert len(refused) == 1
    assert isinstance(refused[0], ConflictError | NotAuthenticatedError | NotPermittedError)


async def test_the_database_itself_refuses_a_requester_as_approver(postgres_house: House, db: Database):
    house = postgres_house
    alice = await house.person("alice")
    asked = await house.call(alice, house.tool("delete", effect="write"))
    assert isinstance(asked, ApprovalNeeded)
    with pytest.raises(IntegrityError):
        async with db.transaction() as tx:
            await tx.execute(
                text(
                    "UPDATE approval SET state = 'approved', usable_until = 9e9, decided_by = 'x', "
                    "decided_by_person = requester_person"
                )
            )
