"""How calls end: what ran, what is said, what is recorded."""

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from executor_shared.contracts.adapters import Executed
from executor_shared.contracts.base import ServiceName
from executor_shared.contracts.policy import AlreadyCalled, ApprovalNeeded, Block
from executor_shared.errors import (
    BusyError,
    Code,
    CredentialUnavailableError,
    ExecutorError,
    GrantRefusedError,
    NotAuthenticatedError,
    NotFoundError,
    UpstreamError,
)

if TYPE_CHECKING:
    from conftest import Gateway, House


def _call(result: dict[str, Any]) -> dict[str, Any]:
    return result["_meta"]["executor/call"]


def _text(result: dict[str, Any]) -> str:
    assert result["isError"] is True
    (block,) = result["content"]
    return block["text"]


def _decides(house: "House", outcome: Any) -> None:
    async def decide(_: Any) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    house.world.decide = decide


def _executes(house: "House", outcome: Any) -> None:
    async def execute(_: Any) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    house.world.execute = execute


async def _record(house: "House") -> Any:
    async with asyncio.timeout(5):
        return await house.world.finished.get()


async def test_blocked_tool_says_why_and_nothing_runs(house: "House", gateway: "Gateway") -> None:
    _decides(house, Block(code="tool_blocked", reason="Writes are frozen this week.", rule="freeze"))
    result = await gateway.call("crm__write", {"n": 1})
    assert (_call(result)["outcome"], _call(result)["code"]) == ("blocked", "tool_blocked")
    assert "Writes are frozen this week." in _text(result)
    assert "Nothing was executed." in _text(result)
    assert not house.world.executed
    assert house.world.finished.empty()


async def test_key_of_another_call_is_told_in_the_words_of_policy(house: "House", gateway: "Gateway") -> None:
    _decides(house, Block(code="duplicate_call", reason="This idempotency key was used by call_1."))
    result = await gateway.call("crm__write")
    assert (_call(result)["outcome"], _call(result)["code"]) == ("blocked", "duplicate_call")
    assert _text(result).startswith("This idempotency key was used by call_1. Nothing was executed.")


async def test_call_that_needs_a_person_says_who_where_and_until_when(
    house: "House", gateway: "Gateway"
) -> None:
    _decides(
        house,
        ApprovalNeeded(
            approval="apr_1",
            state="pending",
            expires_at=1_800_000_000,
            reason="No way back.",
            approvers=("leads",),
        ),
    )
    result = await gateway.call("crm__write")
    call = _call(result)
    url = "http://gw.example.com/approvals/apr_1"
    assert (call["outcome"], call["code"]) == ("approval_required", "approval_required")
    assert call["approval"] == {"id": "apr_1", "url": url, "expires_at": "2027-01-15T08:00:00Z"}
    for part in ("crm__write", "leads", url, "2027-01-15 08:00 UTC", "No way back.",
                 "Call this tool again with the same arguments after approval."):  # fmt: skip
        assert part in _text(result)
    assert not house.world.executed


@pytest.mark.parametrize(
    ("state", "outcome", "code", "word"),
    [
        ("denied", "blocked", "approval_denied", "denied"),
        ("expired", "approval_required", "approval_required", "in time"),
        ("withdrawn", "approval_required", "approval_required", "withdrawn"),
    ],
)
async def test_approval_that_ended_otherwise(
    house: "House", gateway: "Gateway", state: Any, outcome: str, code: str, word: str
) -> None:
    _decides(house, ApprovalNeeded(approval="apr_1", state=state, expires_at=1_800_000_000))
    result = await gateway.call("crm__write")
    assert (_call(result)["outcome"], _call(result)["code"]) == (outcome, code)
    assert word in _text(result)


async def test_approved_call_runs_with_the_stored_arguments(house: "House", gateway: "Gateway") -> None:
    _decides(house, house.allow(arguments=msgspec.Raw(b'{"n":7}'), approval="apr_1"))
    await gateway.call("crm__write", {"n": 1})
    assert bytes(house.world.executed[0].arguments) == b'{"n":7}'


async def test_idempotency_key_reaches_policy_and_a_repeat_does_not_run(
    house: "House", gateway: "Gateway"
) -> None:
    await gateway.call("crm__write", meta={"executor/idempotency-key": "k1"})
    assert house.world.decided[0].idempotency_key == "k1"
    _decides(house, AlreadyCalled(call="call_before", outcome="ok"))
    result = await gateway.call("crm__write", meta={"executor/idempotency-key": "k1"})
    assert (_call(result)["outcome"], _call(result)["code"]) == ("not_executed", "duplicate_call")
    assert "call_before" in _text(result)
    assert len(house.world.executed) == 1
    for wrong in (7, "", "x" * 257):
        params = {"name": "crm__write", "arguments": {}}
        answer = await gateway.modern("tools/call", params, meta={"executor/idempotency-key": wrong})
        assert answer.json()["error"]["code"] == -32602


@pytest.mark.parametrize(
    ("service", "code"), [(ServiceName.POLICY, "unavailable"), (ServiceName.ADAPTERS, "unavailable")]
)
async def test_nobody_there_means_not_executed(
    house: "House", gateway: "Gateway", service: ServiceName, code: str
) -> None:
    await gateway.modern("server/discover")
    await house.silence(service)
    result = await gateway.call("crm__write")
    assert (_call(result)["outcome"], _call(result)["code"]) == ("not_executed", code)
    assert "Nothing was executed." in _text(result)


@pytest.mark.parametrize("error", [BusyError("busy"), ExecutorError("slow", code=Code.DEADLINE_EXCEEDED)])
async def test_trouble_before_the_decision_means_not_executed(
    house: "House", gateway: "Gateway", error: Exception
) -> None:
    _decides(house, error)
    result = await gateway.call("crm__write")
    assert _call(result)["outcome"] == "not_executed"
    assert not house.world.executed
    assert house.world.finished.empty()


@pytest.mark.parametrize(
    ("error", "outcome", "code"),
    [
        (BusyError("The pool is full."), "not_executed", "busy"),
        (GrantRefusedError("The grant is not genuine."), "not_executed", "grant_refused"),
        (CredentialUnavailableError("No credential."), "not_executed", "credential_unavailable"),
        (UpstreamError("Refused.", sent=False), "not_executed", "upstream_unreachable"),
        (UpstreamError("Reset.", sent=True), "unknown", "upstream_unreachable"),
        (UpstreamError("Slow.", code=Code.UPSTREAM_TIMEOUT, sent=True), "unknown", "upstream_timeout"),
        (ExecutorError("Slow.", code=Code.DEADLINE_EXCEEDED), "unknown", "deadline_exceeded"),
        (RuntimeError("secret detail"), "unknown", "internal"),
        (
            Executed(outcome="not_executed", code="egress_refused", message="Not allowed."),
            "not_executed",
            "egress_refused",
        ),
        (
            Executed(outcome="unknown", code="upstream_timeout", message="No answer."),
            "unknown",
            "upstream_timeout",
        ),
        (
            Executed(outcome="tool_error", code="upstream_http_error", message="Status 500."),
            "tool_error",
            "upstream_http_error",
        ),
    ],
)
async def test_execution_that_fails_is_told_and_recorded_truthfully(
    house: "House", gateway: "Gateway", error: Any, outcome: str, code: str
) -> None:
    _executes(house, error)
    result = await gateway.call("crm__write")
    call = _call(result)
    assert (call["outcome"], call["code"]) == (outcome, code)
    text = _text(result)
    assert "secret detail" not in text
    if outcome == "unknown":
        assert "may have happened" in text
        assert call["id"] in text
    if outcome == "not_executed":
        assert "Nothing was executed." in text
    recorded = await _record(house)
    assert (recorded.call, recorded.outcome, recorded.code) == (call["id"], outcome, code)


async def test_answer_that_cannot_be_read_is_unknown(house: "House", gateway: "Gateway") -> None:
    _executes(house, Executed(outcome="perhaps"))  # pyright: ignore[reportArgumentType] - a newer worker may say so
    result = await gateway.call("crm__write")
    assert (_call(result)["outcome"], _call(result)["code"]) == ("unknown", "internal")


async def test_call_that_takes_too_long_is_unknown(house: "House") -> None:
    gateway = await house.gateway(call_timeout=0.3)
    leave = asyncio.Event()

    async def execute(_: Any) -> Executed:
        await leave.wait()
        return Executed(outcome="ok")

    house.world.execute = execute
    result = await gateway.call("crm__write")
    leave.set()
    assert (_call(result)["outcome"], _call(result)["code"]) == ("unknown", "deadline_exceeded")
    assert (await _record(house)).outcome == "unknown"


async def test_upstream_error_result_passes_with_its_content(house: "House", gateway: "Gateway") -> None:
    result = msgspec.Raw(b'{"content":[{"type":"text","text":"no such customer"}],"isError":true}')
    _executes(house, Executed(outcome="tool_error", result=result, code="mcp_tool_error"))
    got = await gateway.call("crm__read")
    assert _text(got) == "no such customer"
    assert _call(got)["outcome"] == "tool_error"


async def test_key_revoked_between_two_calls_is_401(house: "House", gateway: "Gateway") -> None:
    _decides(house, NotAuthenticatedError("Nobody."))
    answer = await gateway.modern("tools/call", {"name": "crm__read", "arguments": {}})
    assert answer.status_code == 401
    assert "invalid_token" in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    "outcome", [NotFoundError("No such tool."), Block(code="tool_not_found", reason="There is no such tool.")]
)
async def test_tool_that_policy_does_not_know_is_unknown(
    house: "House", gateway: "Gateway", outcome: Any
) -> None:
    _decides(house, outcome)
    answer = await gateway.modern("tools/call", {"name": "crm__read", "arguments": {}})
    assert answer.json()["error"] == {"code": -32602, "message": "Unknown tool: crm__read"}


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"m": 1}, "unknown argument m; accepted: n, text"),
        ({"n": "x" * 500}, 'arguments.n: the value is not of type "integer"'),
        ({"n": 1.5}, "arguments.n"),
    ],
)
async def test_arguments_that_do_not_fit_are_told_by_path_without_values(
    house: "House", gateway: "Gateway", arguments: dict[str, Any], part: str
) -> None:
    result = await gateway.call("crm__read", arguments)
    assert (_call(result)["outcome"], _call(result)["code"]) == ("not_executed", "invalid_tool_arguments")
    assert part in _text(result)
    assert "x" * 101 not in _text(result)
    assert not house.world.decided


async def test_schema_that_cannot_be_used_lets_nothing_through(house: "House") -> None:
    house.world.tool(
        "tool_bad", "conn-crm", "bad", {"inputSchema": {"$ref": "https://example.com/schema.json"}}
    )
    gateway = await house.gateway()
    result = await gateway.call("crm__bad")
    assert (_call(result)["outcome"], _call(result)["code"]) == ("not_executed", "description_invalid")
    assert not house.world.decided


async def test_trace_and_client_name_are_carried_on(house: "House", gateway: "Gateway") -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    info = {"io.modelcontextprotocol/clientInfo": {"name": "tester\n", "version": "1"}}
    await gateway.call("crm__read", meta={"traceparent": trace, **info})
    assert house.world.contexts[0].traceparent == trace
    assert house.world.contexts[0].tenant == "acme"
    assert house.world.decided[0].client == "tester"
    await gateway.call("crm__read", meta={"traceparent": "nonsense"}, extra={"traceparent": trace})
    assert house.world.contexts[1].traceparent == trace


async def _leave(gateway: "Gateway", name: str, inside: asyncio.Event) -> None:
    body, headers = gateway.modern_request("tools/call", {"name": name, "arguments": {}})
    content = json.dumps(body).encode()
    headers |= {"host": "127.0.0.1", "authorization": "Bearer alice-key", "content-length": str(len(content))}
    head = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(f"POST /mcp HTTP/1.1\r\n{head}\r\n".encode() + content)
    await inside.wait()
    writer.close()


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_call_that_is_silent_for_long_is_kept_open_as_a_stream(house: "House", era: str) -> None:
    gateway = await house.gateway(keep_alive=0.05)
    leave = asyncio.Event()

    async def execute(_: Any) -> Executed:
        await leave.wait()
        return Executed(outcome="ok", result=msgspec.Raw(b'{\n"content":\r\n[]}'))

    house.world.execute = execute
    body, headers = gateway.modern_request("tools/call", {"name": "crm__write", "arguments": {}})
    if era == "legacy":
        _, session = await gateway.initialize()
        headers = {"content-type": "application/json", "mcp-session-id": session}
        del body["params"]["_meta"]
    headers["authorization"] = "Bearer alice-key"
    content = json.dumps(body)
    request = gateway.http.build_request("POST", f"{gateway.url}/mcp", headers=headers, content=content)
    answer = await gateway.http.send(request, stream=True)
    assert answer.headers["content-type"] == "text/event-stream"
    lines = answer.aiter_lines()
    assert await anext(lines) == ": still working"
    leave.set()
    text = "\n".join([line async for line in lines])
    data = "".join(line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: "))
    assert json.loads(data)["result"]["content"] == []


async def test_client_that_goes_away_cancels_a_read(house: "House", gateway: "Gateway") -> None:
    inside, leave = asyncio.Event(), asyncio.Event()

    async def execute(_: Any) -> Executed:
        inside.set()
        await leave.wait()
        return Executed(outcome="not_executed")

    house.world.execute = execute
    await _leave(gateway, "crm__read", inside)
    assert (await _record(house)).outcome == "unknown"
    leave.set()


async def test_client_that_goes_away_does_not_stop_a_write(house: "House", gateway: "Gateway") -> None:
    inside, leave = asyncio.Event(), asyncio.Event()

    async def execute(_: Any) -> Executed:
        inside.set()
        await leave.wait()
        return Executed(outcome="ok", result=msgspec.Raw(b'{"content":[]}'))

    house.world.execute = execute
    await _leave(gateway, "crm__write", inside)
    started = time.monotonic()
    leave.set()
    assert (await _record(house)).outcome == "ok"
    assert time.monotonic() - started < 5


async def test_legacy_client_cancels_by_a_notification(house: "House", gateway: "Gateway") -> None:
    inside, leave = asyncio.Event(), asyncio.Event()

    async def execute(_: Any) -> Executed:
        inside.set()
        await leave.wait()
        return Executed(outcome="not_executed")

    house.world.execute = execute
    _, session = await gateway.initialize()
    running = asyncio.create_task(
        gateway.legacy("tools/call", {"name": "crm__read"}, session=session, identifier=7)
    )
    await inside.wait()
    headers = {"content-type": "application/json", "mcp-session-id": session}
    body = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}
    await gateway.send(headers=headers, content=json.dumps(body))
    answer = await running
    leave.set()
    assert (answer.status_code, answer.content) == (202, b"")


async def test_large_results_and_unknown_fields_survive(house: "House", gateway: "Gateway") -> None:
    big = "x" * 3_000_000
    raw = f'{{"content":[{{"type":"text","text":"{big}","annotations":{{"new":[1e2,1.0]}}}}],"later":[null]}}'
    _executes(house, Executed(outcome="ok", result=msgspec.Raw(raw.encode())))
    answer = await gateway.modern("tools/call", {"name": "crm__read", "arguments": {}})
    assert answer.headers["content-type"] == "application/json"
    assert b'"annotations":{"new":[1e2,1.0]}' in answer.content
    assert answer.json()["result"]["later"] == [None]
    assert len(answer.content) > 3_000_000
