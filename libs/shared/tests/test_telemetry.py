"""One trace across the bus, logs with the call and without secrets, problems with fields."""

import json
import subprocess
import sys
import time

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY, generate_latest
from pydantic import BaseModel

from executor_shared import context
from executor_shared.bus import Bus, Handler, MemoryHub, MemoryTransport
from executor_shared.contracts.base import ServiceName
from executor_shared.contracts.catalog import GET_CHANGES, Changes, ChangesAsked
from executor_shared.contracts.policy import IDENTIFY, Identify
from executor_shared.contracts.vocabulary import Principal
from executor_shared.errors import ConflictError
from executor_shared.http.problems import install
from executor_shared.ids import CallId
from executor_shared.service.telemetry import Telemetry
from executor_shared.settings import TelemetrySettings

_PARENT = f"00-{'a' * 32}-{'b' * 16}-01"


async def _two_hops(ratio: float, parent: str | None) -> InMemorySpanExporter:
    """Gateway asks policy, which asks the catalog, which fails."""
    exporter, hub = InMemorySpanExporter(), MemoryHub()
    settings = TelemetrySettings(sample_ratio=ratio)  # pyright: ignore[reportCallIssue]
    names = (ServiceName.GATEWAY, ServiceName.POLICY, ServiceName.CATALOG)
    telemetry = {name: Telemetry.open(settings, name, exporter) for name in names}
    buses = {name: Bus(name, MemoryTransport(hub), telemetry[name].bus) for name in names}

    async def changes(_asked: ChangesAsked) -> Changes:
        raise ConflictError("hunter2")

    async def identify(asked: Identify) -> Principal:
        with pytest.raises(ConflictError):
            await buses[ServiceName.POLICY].request(GET_CHANGES, ChangesAsked())
        return Principal(tenant="t", subject=asked.proof, person="p")

    await buses[ServiceName.CATALOG].serve(Handler(GET_CHANGES, changes))
    await buses[ServiceName.POLICY].serve(Handler(IDENTIFY, identify))
    with context.opened(context.CallContext(CallId("call_1"), time.time() + 5, "t", parent)):
        await buses[ServiceName.GATEWAY].request(IDENTIFY, Identify(proof="x"))
    for one in telemetry.values():
        assert one.provider is not None
        one.provider.force_flush()
    return exporter


async def test_two_hops_are_one_trace():
    spans = (await _two_hops(0.0, _PARENT)).get_finished_spans()
    assert {f"{span.context.trace_id:032x}" for span in spans if span.context} == {"a" * 32}
    by_id = {span.context.span_id: span.name for span in spans if span.context}
    parents = {span.name: by_id.get(span.parent.span_id, "edge") if span.parent else None for span in spans}
    identify, changes = IDENTIFY.subject, GET_CHANGES.subject
    assert parents == {
        f"ask {identify}": "edge",
        f"answer {identify}": f"ask {identify}",
        f"ask {changes}": f"answer {identify}",
        f"answer {changes}": f"ask {changes}",
    }
    assert "hunter2" not in "".join(span.to_json() for span in spans)
    assert all(dict(span.attributes or {}).get("executor.call.id") == "call_1" for span in spans)


async def test_what_is_not_sampled_makes_no_span():
    assert (await _two_hops(1.0, _PARENT.removesuffix("01") + "00")).get_finished_spans() == ()
    assert (await _two_hops(0.0, None)).get_finished_spans() == ()


async def test_hops_are_measured():
    await _two_hops(0.0, None)
    text = generate_latest(REGISTRY).decode()
    labels = f'role="answer",service="policy",subject="{IDENTIFY.subject}"'
    assert f"executor_bus_duration_seconds_count{{{labels}}}" in text
    assert f"executor_bus_in_flight{{{labels}}} 0.0" in text


_LOGGING = """
import logging, sys, time, msgspec, structlog
from pydantic import SecretStr
from executor_shared import context
from executor_shared.contracts.vault_broker import Injection, LeasedCredential
from executor_shared.service.logs import configure_logs
from executor_shared.settings import TelemetrySettings
configure_logs(TelemetrySettings(), "policy")
injection = Injection(carrier="header", name="X", value="hunter2")
inside = LeasedCredential(injections=(injection,), secrets=("hunter2",), expires_at=1.0)
with context.opened(context.CallContext("call_1", time.time(), "acme", "00-" + "a" * 32 + "-" + "b" * 16 + "-01")):
    structlog.get_logger("executor.x").info("call.denied", reason="no", key=b"hunter2", raw=msgspec.Raw(b"hunter2"),
        lease=inside, deep={"a": [SecretStr("hunter2"), inside]}, token=SecretStr("hunter2"))
    logging.getLogger("some.library").warning("told %s", "plainly")
    for _ in range(5):
        logging.getLogger("opentelemetry.exporter.otlp").warning("the collector is away")
    logging.getLogger("httpx").info("GET https://x/?key=hunter2")
    structlog.get_logger("executor.x").debug("not.shown")
"""


def test_a_log_line_has_the_call_and_no_secret_and_a_missing_collector_is_told_once_a_minute():
    done = subprocess.run([sys.executable, "-c", _LOGGING], capture_output=True, text=True, check=True)
    assert "hunter2" not in done.stderr
    ours, theirs, collector = (json.loads(line) for line in done.stderr.splitlines())
    for line in (ours, theirs):
        assert (line["call_id"], line["tenant"], line["trace_id"]) == ("call_1", "acme", "a" * 32)
        assert line["service"] == "policy"
    assert (ours["event"], ours["reason"], ours["key"]) == ("call.denied", "no", "<7 bytes>")
    assert theirs["event"] == "told plainly"
    assert collector["event"] == "the collector is away"


class _Body(BaseModel):
    limit: int


def _app() -> FastAPI:
    app = FastAPI()
    install(app)

    @app.post("/echo")
    async def echo(body: _Body) -> int:
        if body.limit == 1:
            raise ConflictError("There is one already.", details={"field": "slug"})
        if body.limit == 2:
            raise RuntimeError("hunter2")
        return body.limit

    return app


def test_errors_are_problems():
    client = TestClient(_app(), raise_server_exceptions=False)
    assert client.post("/echo", json={"limit": 5}).json() == 5
    conflict = client.post("/echo", json={"limit": 1})
    assert (conflict.status_code, conflict.headers["content-type"]) == (409, "application/problem+json")
    assert conflict.json() == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "code": "conflict",
        "detail": "There is one already.",
        "details": {"field": "slug"},
    }
    unfit = client.post("/echo", json={"limit": "hunter2"})
    assert (unfit.status_code, unfit.json()["details"]["field"]) == (400, "limit")
    assert "hunter2" not in unfit.text
    assert client.get("/nowhere").json()["code"] == "not_found"
    failed = client.post("/echo", json={"limit": 2})
    assert (failed.status_code, failed.json()["code"]) == (500, "internal")
    assert "hunter2" not in failed.text
    assert failed.json()["details"]["error_id"] in failed.json()["detail"]
