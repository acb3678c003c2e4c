"""A worker does what policy signed, once, and tells the truth about it."""

import asyncio
import time
from typing import Any

import msgspec
import pytest
from services.adapters.tests.worker import ORIGIN, SECRET, TARGET, Worker, done, working

from executor_adapters.domain.kind import Job
from executor_shared.canonical import canonical
from executor_shared.context import current
from executor_shared.contracts.adapters import ExecuteCall, Executed
from executor_shared.contracts.vault_broker import CREDENTIAL_CHANGED, CredentialChanged
from executor_shared.errors import (
    Code,
    CredentialUnavailableError,
    InvalidRequestError,
    UpstreamError,
)
from executor_shared.grants import GrantSigner

READ = {"effect": "read"}


def altered(asked: ExecuteCall, **changes: Any) -> ExecuteCall:
    return msgspec.structs.replace(asked, **changes)


async def test_a_granted_call_is_performed_with_its_credential(worker: Worker) -> None:
    executed = await worker.call({"to": "bob"})
    assert executed.outcome == "ok"
    (job,) = worker.kind.jobs
    assert (bytes(job.arguments), job.target, job.connection) == (b'{"to":"bob"}', TARGET, "conn_1")
    assert job.credential is not None
    assert job.credential.secrets == (SECRET,)


async def test_the_call_runs_under_the_id_and_deadline_of_its_grant(worker: Worker) -> None:
    seen: list[tuple[str, float]] = []

    async def note(_: Job) -> Executed:
        here = current()
        assert here is not None
        seen.append((here.call_id, here.deadline))
        return done()

    worker.kind.doing = note
    deadline = time.time() + 3
    await worker.call(call="call_mine", deadline=deadline)
    assert seen == [("call_mine", deadline)]


@pytest.mark.parametrize(
    "changes",
    [
        {"arguments": msgspec.Raw(b'{"to":"eve"}')},
        {"arguments": msgspec.Raw(b'{"to":"bob","to":"eve"}')},
        {"arguments": msgspec.Raw(b'{"to":"eve","to":"bob"}')},
        {"arguments": msgspec.Raw(b'{"t\\u006f":"eve","to":"bob"}')},
        {"arguments": msgspec.Raw(b"[1]")},
        {"binding": msgspec.Raw(canonical({"do": "more"}))},
        {"public_digest": "0" * 64},
        {"target": msgspec.Raw(canonical(msgspec.to_builtins(TARGET) | {"network": ["10.0.0.0/8:*"]}))},
        {"target": msgspec.Raw(canonical(msgspec.to_builtins(TARGET) | {"config": {"base": "/admin"}}))},
        {"target": msgspec.Raw(b"{}")},
        {"grant": "v1.e30.AAAA"},
        {"grant": ""},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_what_was_not_granted_is_not_done(changes: dict[str, Any], worker: Worker) -> None:
    executed = await worker.send(altered(worker.asking({"to": "bob"}), **changes))
    assert executed.outcome == "not_executed"
    assert executed.code in {Code.GRANT_REFUSED, Code.DEFINITION_CHANGED}
    assert (worker.kind.jobs, worker.broker.leased) == ([], [])


async def test_arguments_of_endless_depth_are_refused(worker: Worker) -> None:
    with pytest.raises(InvalidRequestError):
        await worker.send(altered(worker.asking(), arguments=msgspec.Raw(b"[" * 100_000)))
    assert worker.kind.jobs == []


@pytest.mark.parametrize(
    "changes",
    [
        {"purpose": "discover"},
        {"deadline": time.time() - 1},
        {"issued_at": time.time() + 3600},
        {"tenant": "other"},
        {"origin": "https://elsewhere.example:443"},
        {"signer": GrantSigner(b"x" * 32)},
        {"target": msgspec.structs.replace(TARGET, origin="https://evil.example:443")},
        {"target": msgspec.structs.replace(TARGET, tenant="other")},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_a_grant_for_something_else_is_refused(changes: dict[str, Any], worker: Worker) -> None:
    executed = await worker.call(**changes)
    assert (executed.outcome, executed.code) == ("not_executed", Code.GRANT_REFUSED)
    assert (worker.kind.jobs, worker.broker.leased) == ([], [])


async def test_large_arguments_hold_up_nobody_else(worker: Worker) -> None:
    large, small = worker.asking({"list": [0.5] * 100_000}), worker.asking({"to": "bob"})
    done_both = await asyncio.gather(worker.send(large), worker.send(small))
    assert [each.outcome for each in done_both] == ["ok", "ok"]
    assert [bytes(job.arguments) for job in worker.kind.jobs] == [
        bytes(small.arguments),
        bytes(large.arguments),
    ]


@pytest.mark.parametrize("size", [1, 40_000])
async def test_a_grant_with_large_arguments_runs_once_too(size: int, worker: Worker) -> None:
    asked = worker.asking({"list": [0.5] * size})
    outcomes = [each.outcome for each in await asyncio.gather(*(worker.send(asked) for _ in range(5)))]
    assert (outcomes.count("ok"), len(worker.kind.jobs)) == (1, 1)


@pytest.mark.parametrize("effect", ["read", "write"])
async def test_a_grant_that_is_sent_many_times_runs_once(effect: str, worker: Worker) -> None:
    asked = worker.asking(effect=effect)
    outcomes = [each.outcome for each in await asyncio.gather(*(worker.send(asked) for _ in range(20)))]
    assert (outcomes.count("ok"), outcomes.count("not_executed"), len(worker.kind.jobs)) == (1, 19, 1)


async def test_reads_share_a_lease_and_writes_do_not(worker: Worker) -> None:
    for _ in range(3):
        await worker.call(**READ)
    assert len(worker.broker.leased) == 1
    await worker.call()
    await worker.call()
    assert len(worker.broker.leased) == 3


@pytest.mark.parametrize(
    "other",
    [{"connection": "conn_2"}, {"credential": "cred_2"}],
    ids=["connection", "credential"],
)
async def test_a_lease_is_not_shared_beyond_its_connection(other: dict[str, str], worker: Worker) -> None:
    await worker.call(**READ)
    await worker.call(**READ, **other)
    assert len(worker.broker.leased) == 2


async def test_a_sensitive_credential_is_leased_for_every_call(worker: Worker) -> None:
    worker.broker.reuse = 0.0
    await worker.call(**READ)
    await worker.call(**READ)
    assert len(worker.broker.leased) == 2


async def change_credential(worker: Worker) -> None:
    event = CredentialChanged(tenant="default", credential="cred_1", reason="stored")
    await worker.vault.say(CREDENTIAL_CHANGED, event)
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_changed_credential_is_leased_again(worker: Worker) -> None:
    await worker.call(**READ)
    await change_credential(worker)
    await worker.call(**READ)
    assert len(worker.broker.leased) == 2


async def test_a_credential_that_changes_while_it_is_leased_is_not_kept(worker: Worker) -> None:
    worker.broker.before = lambda: change_credential(worker)
    await worker.call(**READ)
    worker.broker.before = None
    await worker.call(**READ)
    assert len(worker.broker.leased) == 2


async def test_a_write_without_a_credential_is_spent_at_the_broker_all_the_same(worker: Worker) -> None:
    assert (await worker.call(credential=None)).outcome == "ok"
    assert (await worker.call(credential=None, **READ)).outcome == "ok"
    assert [grant.effect for grant in worker.broker.leased] == ["write"]
    assert all(job.credential is None for job in worker.kind.jobs)


async def test_what_the_broker_refuses_is_not_done(worker: Worker) -> None:
    worker.broker.refusing = CredentialUnavailableError("Store it again.")
    executed = await worker.call()
    assert (executed.outcome, executed.code) == ("not_executed", Code.CREDENTIAL_UNAVAILABLE)
    assert worker.kind.jobs == []


async def test_without_a_broker_nothing_is_sent(worker: Worker) -> None:
    await worker.vault.close()
    executed = await worker.call()
    assert (executed.outcome, executed.code) == ("not_executed", Code.CREDENTIAL_UNAVAILABLE)
    assert "Nothing was sent" in executed.message
    assert worker.kind.jobs == []


def broken(code: Code, *, sent: bool) -> UpstreamError:
    return UpstreamError("It broke.", code=code, sent=sent)


@pytest.mark.parametrize(
    ("error", "effect", "outcome", "code"),
    [
        (broken(Code.UPSTREAM_UNREACHABLE, sent=False), "write", "not_executed", Code.UPSTREAM_UNREACHABLE),
        (broken(Code.EGRESS_REFUSED, sent=False), "read", "not_executed", Code.EGRESS_REFUSED),
        (broken(Code.UPSTREAM_TIMEOUT, sent=True), "write", "unknown", Code.UPSTREAM_TIMEOUT),
        (broken(Code.UPSTREAM_TIMEOUT, sent=True), "read", "unknown", Code.UPSTREAM_TIMEOUT),
        (broken(Code.UPSTREAM_RESPONSE_TOO_LARGE, sent=True), "read", "tool_error", "upstream_response_too_large"),
        (broken(Code.UPSTREAM_RESPONSE_TOO_LARGE, sent=True), "write", "unknown", "upstream_response_too_large"),
        (InvalidRequestError("No such argument."), "write", "not_executed", Code.INVALID_REQUEST),
        (RuntimeError(f"a text with {SECRET}"), "write", "unknown", Code.INTERNAL),
        (TimeoutError(), "read", "unknown", Code.DEADLINE_EXCEEDED),
    ],
    ids=str,
)  # fmt: skip
async def test_every_failure_has_its_truthful_outcome(
    error: Exception, effect: str, outcome: str, code: str, worker: Worker
) -> None:
    async def fail(_: Job) -> Executed:
        raise error

    worker.kind.doing = fail
    executed = await worker.call(effect=effect)
    assert (executed.outcome, executed.code) == (outcome, code)
    assert SECRET not in executed.message
    assert "a text" not in executed.message
    if outcome == "unknown":
        assert "It may have happened" in executed.message


async def test_a_kind_that_never_answers_ends_at_the_deadline(worker: Worker) -> None:
    async def hang(_: Job) -> Executed:
        await asyncio.Event().wait()
        return done()

    worker.kind.doing = hang
    executed = await worker.call(deadline=time.time() + 0.2)
    assert (executed.outcome, executed.code) == ("unknown", Code.DEADLINE_EXCEEDED)


async def test_the_end_of_a_write_is_told_to_the_record(worker: Worker) -> None:
    await worker.call(call="call_write")
    said = await worker.reported()
    assert (said.call, said.outcome, said.code) == ("call_write", "ok", None)


async def test_the_end_of_a_read_is_not_told_twice(worker: Worker) -> None:
    await worker.call(**READ)
    await worker.call(call="call_write")
    await worker.reported()
    assert [said.call for said in worker.finished] == ["call_write"]


async def test_an_echoed_credential_does_not_go_back(worker: Worker) -> None:
    async def echo(job: Job) -> Executed:
        assert job.credential is not None
        sent = job.credential.injections[0].value
        answer = done({"headers": {"Authorization": sent}})
        return msgspec.structs.replace(answer, message=f"It said {sent}.")

    worker.kind.doing = echo
    executed = await worker.call()
    assert isinstance(executed.result, msgspec.Raw)
    assert SECRET.encode() not in bytes(executed.result)
    assert SECRET not in executed.message
    shown = msgspec.json.decode(executed.result)
    assert shown["structuredContent"]["value"]["headers"]["Authorization"] == "Bearer [redacted]"


async def test_a_credential_of_digits_that_comes_back_as_a_number_spoils_no_answer(worker: Worker) -> None:
    worker.broker.secret = "12345678"

    async def answer(_: Job) -> Executed:
        return done({"account": 12345678, "more": [-12345678, 9123456780.5], "text": 'a " 12345678', "n": 1})

    worker.kind.doing = answer
    executed = await worker.call()
    assert executed.outcome == "ok"
    assert isinstance(executed.result, msgspec.Raw)
    mark = "[redacted]"
    assert msgspec.json.decode(executed.result)["structuredContent"]["value"] == {
        "account": mark,
        "more": [mark, mark],
        "text": f'a " {mark}',
        "n": 1,
    }


async def test_an_answer_that_cannot_be_read_without_the_credential_is_not_shown(worker: Worker) -> None:
    worker.broker.secret = 'value":"ok'

    async def answer(_: Job) -> Executed:
        return done("ok")

    worker.kind.doing = answer
    executed = await worker.call()
    assert executed.outcome == "ok"
    assert isinstance(executed.result, msgspec.Raw)
    (block,) = msgspec.json.decode(executed.result)["content"]
    assert "repeats the credential" in block["text"]


async def test_a_credential_in_an_error_does_not_go_back(worker: Worker) -> None:
    async def fail(_: Job) -> Executed:
        raise UpstreamError(f"{SECRET} is not known here.", code=Code.CONNECTION_REJECTED, sent=True)

    worker.kind.doing = fail
    executed = await worker.call()
    assert SECRET not in executed.message
    assert "[redacted]" in executed.message


async def test_one_slow_upstream_does_not_take_the_room_of_another() -> None:
    async with working(per_origin=2) as worker:
        free, arrived = asyncio.Event(), asyncio.Event()

        async def slow(job: Job) -> Executed:
            if job.target.origin == ORIGIN:
                if len(worker.kind.jobs) == 2:
                    arrived.set()
                await free.wait()
            return done()

        worker.kind.doing = slow
        held = [asyncio.create_task(worker.call()) for _ in range(2)]
        await arrived.wait()
        third = await worker.call()
        assert (third.outcome, third.code) == ("not_executed", Code.BUSY)
        other = "https://other.example:443"
        elsewhere = await worker.call(target=msgspec.structs.replace(TARGET, origin=other), origin=other)
        assert elsewhere.outcome == "ok"
        free.set()
        assert [each.outcome for each in await asyncio.gather(*held)] == ["ok", "ok"]
        assert (await worker.call()).outcome == "ok"


async def test_a_kind_that_this_worker_has_not_is_told(worker: Worker) -> None:
    executed = await worker.call(target=msgspec.structs.replace(TARGET, kind="soap"))
    assert executed.outcome == "not_executed"
    assert "soap" in executed.message
