"""/livez, /readyz and /metrics, in front of the application that a service may have."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from executor_shared.service.service import Asgi, Check

_CHECK_SECONDS: Final = 2.0
_JSON: Final = "application/json"

_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.health")


class Health:
    """Whether this process lives, and whether it can do its work.

    Attributes:
        ready: dependency name to a check that raises when it is not usable.
        draining: set at the start of a shutdown, so that nobody new is sent here.
        starting: until all services have started.

    """

    def __init__(self) -> None:
        """Nothing to check yet."""
        self.ready: dict[str, Check] = {}
        self.draining = False
        self.starting = True

    async def failing(self) -> tuple[str, ...]:
        """Names of dependencies that are not usable now; each check has two seconds."""
        if self.starting or self.draining:
            return ("draining" if self.draining else "starting",)
        names = tuple(self.ready)
        found = await asyncio.gather(*(self._usable(name, self.ready[name]) for name in names))
        return tuple(name for name, usable in zip(names, found, strict=True) if not usable)

    @staticmethod
    async def _usable(name: str, check: Check) -> bool:
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await check()
        except Exception as error:  # noqa: BLE001 - whatever a dependency raises means that it is not usable
            _log.warning("dependency.failing", dependency=name, reason=type(error).__name__)
            return False
        return True


class HealthApp:
    """ASGI: the three health paths, everything else to `app`."""

    def __init__(self, health: Health, app: Asgi | None) -> None:
        """Serve `health` in front of `app`."""
        self._health = health
        self._app = app

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Answer one request."""
        path = scope.get("path", "")
        if path == "/livez":
            await _answer(send, 200, _JSON, b'{"status":"alive"}')
        elif path == "/readyz":
            await self._readyz(send)
        elif path == "/metrics":
            await _answer(send, 200, CONTENT_TYPE_LATEST, generate_latest(REGISTRY))
        elif self._app is not None:
            await self._app(scope, receive, send)
        else:
            await _answer(send, 404, _JSON, b'{"status":"not found"}')

    async def _readyz(self, send: Any) -> None:  # noqa: ANN401 - ASGI
        failing = await self._health.failing()
        body: dict[str, object] = {"status": "not ready" if failing else "ready"}
        if failing:
            body["failing"] = failing
        await _answer(send, 503 if failing else 200, _JSON, msgspec.json.encode(body))


async def _answer(send: Any, status: int, kind: str, body: bytes) -> None:  # noqa: ANN401 - ASGI
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
