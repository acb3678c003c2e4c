"""Spans and measurements around the bus. Without an exporter a hop costs a microsecond or two."""

import functools
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags, Tracer
from prometheus_client import Gauge, Histogram

from executor_shared import context
from executor_shared.contracts.base import ServiceName

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_PARENT_LENGTH: Final = 55


@functools.cache
def _duration() -> Histogram:
    return Histogram(
        "executor_bus_duration_seconds",
        "Time of requests over the bus, as asked and as answered.",
        ("service", "role", "subject"),
        buckets=_BUCKETS,
    )


@functools.cache
def _in_flight() -> Gauge:
    return Gauge(
        "executor_bus_in_flight", "Requests over the bus under way now.", ("service", "role", "subject")
    )


class _Side:
    """One subject as asked or answered by one service, with its measures bound."""

    __slots__ = ("count", "kind", "observe", "role", "subject")

    def __init__(self, service: str, role: str, subject: str) -> None:
        self.subject = subject
        self.role = role
        self.kind = SpanKind.CLIENT if role == "ask" else SpanKind.SERVER
        self.count = 0
        labels = (service, role, subject)
        self.observe: Callable[[float], None] = _duration().labels(*labels).observe
        _in_flight().labels(*labels).set_function(lambda: self.count)


class _Measured:
    """Around one request: measures."""

    __slots__ = ("_began", "_side")

    def __init__(self, side: _Side) -> None:
        self._side = side

    def __enter__(self) -> None:
        self._side.count += 1
        self._began = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._side.count -= 1
        self._side.observe(time.perf_counter() - self._began)


class _Traced(_Measured):
    """Around one request: measures, and a span."""

    __slots__ = ("_parent", "_span", "_token", "_tracer")

    def __init__(self, side: _Side, tracer: Tracer, parent: Context) -> None:
        super().__init__(side)
        self._tracer = tracer
        self._parent = parent

    def __enter__(self) -> None:
        super().__enter__()
        side = self._side
        self._span: Span = self._tracer.start_span(
            f"{side.role} {side.subject}",
            self._parent,
            side.kind,
            attributes={"messaging.system": "nats", "messaging.destination.name": side.subject},
            record_exception=False,
            set_status_on_exception=False,
        )
        if (here := context.current()) is not None and self._span.is_recording():
            self._span.set_attribute("executor.call.id", here.call_id)
        self._token = attach(trace.set_span_in_context(self._span, self._parent))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, where)
        detach(self._token)
        if kind is not None:
            # The class only: the text of an error may hold what somebody sent.
            self._span.set_attribute("error.type", kind.__name__)
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


def parent_of(traceparent: str | None) -> Context:
    """The remote parent that a W3C `traceparent` names; an empty context where it names none."""
    found = Context()
    if not traceparent or len(traceparent) != _PARENT_LENGTH:
        return found
    try:
        _, trace_id, span_id, flags = traceparent.split("-")
        remote = SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(int(flags, 16)))  # noqa: FBT003
    except ValueError:
        return found
    return trace.set_span_in_context(NonRecordingSpan(remote), found) if remote.is_valid else found


def traceparent_of(span: SpanContext) -> str:
    """The W3C header that names a span as parent."""
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags & 1:02x}"


class TracedBus:
    """`bus.BusTelemetry`: measures always, spans where there is a tracer."""

    def __init__(self, service: ServiceName, tracer: Tracer | None) -> None:
        """Measure as `service`."""
        self._service = str(service)
        self._tracer = tracer
        self._asked: dict[str, _Side] = {}
        self._answered: dict[str, _Side] = {}

    def asking(self, subject: str) -> AbstractContextManager[None]:
        """Around a request of ours."""
        side = self._asked.get(subject)
        if side is None:
            side = self._asked[subject] = _Side(self._service, "ask", subject)
        if self._tracer is None:
            return _Measured(side)
        if trace.get_current_span().get_span_context().is_valid:
            return _Traced(side, self._tracer, Context(trace.set_span_in_context(trace.get_current_span())))
        here = context.current()
        return _Traced(side, self._tracer, parent_of(here.traceparent if here else None))

    def answering(self, subject: str, traceparent: str | None) -> AbstractContextManager[None]:
        """Around an answer of ours."""
        side = self._answered.get(subject)
        if side is None:
            side = self._answered[subject] = _Side(self._service, "answer", subject)
        if self._tracer is None:
            return _Measured(side)
        return _Traced(side, self._tracer, parent_of(traceparent))

    def traceparent(self) -> str | None:
        """The present span as a W3C header, else the trace that came with the call."""
        if self._tracer is not None:
            span = trace.get_current_span().get_span_context()
            if span.is_valid:
                return traceparent_of(span)
        here = context.current()
        return here.traceparent if here else None
