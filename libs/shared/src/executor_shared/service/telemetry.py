"""OpenTelemetry traces (only where an endpoint is set) and Prometheus metrics of one service."""

from dataclasses import dataclass
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from executor_shared.bus.tracing import TracedBus
from executor_shared.contracts.base import ServiceName
from executor_shared.settings import TelemetrySettings

_EXPORT_SECONDS: Final = 5
_FLUSH_MILLISECONDS: Final = 3_000


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What one service measures with.

    Attributes:
        bus: for its `Bus`.
        provider: makes spans; None where nothing is exported.

    """

    bus: TracedBus
    provider: TracerProvider | None

    @classmethod
    def open(
        cls, settings: TelemetrySettings, service: ServiceName, exporter: SpanExporter | None = None
    ) -> "Telemetry":
        """Begin; spans are exported in batches where an endpoint (or an exporter, in tests) is given."""
        if exporter is None and settings.otlp_endpoint:
            endpoint = f"{settings.otlp_endpoint.rstrip('/')}/v1/traces"
            exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_SECONDS)
        if exporter is None:
            return cls(TracedBus(service, None), None)
        provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.sample_ratio)),
            resource=Resource.create({SERVICE_NAME: f"executor-{service}"}),
            shutdown_on_exit=False,
        )
        provider.add_span_processor(BatchSpanProcessor(exporter))
        return cls(TracedBus(service, provider.get_tracer("executor.bus")), provider)

    def close(self) -> None:
        """Send what is left; blocks for some seconds at most."""
        if self.provider is not None:
            self.provider.force_flush(_FLUSH_MILLISECONDS)
            self.provider.shutdown()
