"""Logs: JSON lines (text on a terminal) on stderr, with the call and trace on every line, and no secrets."""

import logging
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import structlog
from pydantic import SecretBytes, SecretStr

from executor_shared import context
from executor_shared.contracts.vault_broker import Injection, LeasedCredential
from executor_shared.settings import TelemetrySettings

_HIDDEN: Final = "**********"
_SECRET_TYPES: Final = (SecretStr, SecretBytes, LeasedCredential, Injection)
_BYTE_TYPES: Final = (bytes, bytearray, memoryview, msgspec.Raw)
_MAX_DEPTH: Final = 6
_TRACE_PARTS: Final = 4
_QUIET: Final = (
    "httpx", "httpx2", "httpcore", "aiohttp", "nats", "asyncio", "asyncpg", "sqlalchemy", "alembic", "hvac",
    "urllib3", "uvicorn", "mcp", "opentelemetry",
)  # fmt: skip
"""Third parties whose lower levels tell URLs, headers or bodies."""

_REPETITIVE: Final = "opentelemetry.exporter"
"""Says the same of every batch, in every service, while the collector is away."""

_REPEAT_SECONDS: Final = 60.0

Event = dict[str, Any]


class OncePerMinute(logging.Filter):
    """Lets one line a minute pass of a chatty family of loggers, and every line of others."""

    def __init__(self, family: str) -> None:
        super().__init__()
        self._family = family
        self._next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is written."""
        if not record.name.startswith(self._family):
            return True
        now = time.monotonic()
        passes = now >= self._next
        if passes:
            self._next = now + _REPEAT_SECONDS
        return passes


def configure_logs(settings: TelemetrySettings, service: str) -> None:
    """Route structlog and the standard library's loggers to stderr, in one form."""
    level = getattr(logging, settings.log_level.upper())
    text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())

    def name_service(_logger: object, _method: str, event: Event) -> Event:
        event.setdefault("service", service)
        return event

    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_service,
        add_call,
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    render: Any = structlog.dev.ConsoleRenderer() if text else structlog.processors.JSONRenderer(_dumps)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    handler.addFilter(OncePerMinute(_REPETITIVE))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _dumps(event: Event, **_ignored: object) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()


def add_call(_logger: object, _method: str, event: Event) -> Event:
    """Put the call in hand on the line."""
    here = context.current()
    if here is not None:
        event.setdefault("call_id", here.call_id)
        if here.tenant:
            event.setdefault("tenant", here.tenant)
        parts = (here.traceparent or "").split("-")
        if len(parts) == _TRACE_PARTS:
            event.setdefault("trace_id", parts[1])
    return event


def redact(_logger: object, _method: str, event: Event) -> Event:
    """Hide secrets by their type, and bodies; keep the rest."""
    return {key: _safe(value, 0) for key, value in event.items()}


def _safe(value: object, depth: int) -> object:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, _SECRET_TYPES):
        return _HIDDEN
    if isinstance(value, _BYTE_TYPES):
        return f"<{len(memoryview(value))} bytes>"
    return "…" if depth >= _MAX_DEPTH else _safe_inside(value, depth + 1)


def _safe_inside(value: object, depth: int) -> object:
    if isinstance(value, msgspec.Struct):
        return {name: _safe(getattr(value, name), depth) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {str(key): _safe(one, depth) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe(one, depth) for one in value]
    return value
