"""The span of an HTTP request, under which everything that it causes is one trace."""

from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from executor_shared.bus.tracing import parent_of
from executor_shared.service.service import Asgi

_SERVER_ERROR: Final = 500


class TracedApp:
    """ASGI: `app` under one span per request, continuing the caller's `traceparent`."""

    def __init__(self, app: Asgi, tracer: Tracer) -> None:
        """Trace `app`."""
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Answer one request. The span knows the method and status, not the path: it may hold anything."""
        given = next((v for k, v in scope.get("headers", ()) if k == b"traceparent"), b"")
        method = str(scope.get("method", ""))
        with self._tracer.start_as_current_span(
            f"HTTP {method}",
            parent_of(given.decode("latin-1")),
            SpanKind.SERVER,
            attributes={"http.request.method": method},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:

            async def noting(message: MutableMapping[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= _SERVER_ERROR:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            try:
                await self._app(scope, receive, noting)
            except Exception as error:
                # The class only: the text of an error may hold what somebody sent.
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR)
                raise


def traced(app: Asgi | None, provider: trace.TracerProvider | None) -> Asgi | None:
    """`app` under spans where there is a provider; as it is where nothing is exported."""
    return TracedApp(app, provider.get_tracer("executor.http")) if app and provider else app
