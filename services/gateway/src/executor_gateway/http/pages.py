"""The pages that need no token to be read: they hold nothing but themselves and ask the REST API."""

import base64
import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files

from fastapi import APIRouter
from starlette.responses import Response

_INLINE = re.compile(rb"<(script|style)>(.*?)</\1>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Page:
    """A file with its headers: only its own script and style run, and nobody frames it."""

    body: bytes
    policy: str

    @classmethod
    def of(cls, name: str) -> "Page":
        """A page of this package."""
        body = files("executor_gateway.http").joinpath("static", name).read_bytes()
        found: dict[bytes, list[str]] = {b"script": [], b"style": []}
        for kind, text in _INLINE.findall(body):
            found[kind].append(f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'")
        policy = (
            "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
            f"frame-ancestors 'none'; script-src {' '.join(found[b'script']) or chr(39) + 'none' + chr(39)}; "
            f"style-src {' '.join(found[b'style'])}"
        )
        return cls(body, policy)

    def answer(self) -> Response:
        """The page as a response."""
        headers = {
            "Content-Security-Policy": self.policy,
            "Cache-Control": "no-store",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        }
        return Response(self.body, headers=headers, media_type="text/html; charset=utf-8")


def router() -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)
    landing, approval = Page.of("index.html"), Page.of("approval.html")

    @routes.api_route("/", methods=["GET", "HEAD"])
    async def show_landing() -> Response:
        return landing.answer()

    @routes.api_route("/approvals/{approval_id}", methods=["GET", "HEAD"])
    async def show_approval(approval_id: str) -> Response:  # noqa: ARG001 - the page reads its own address
        return approval.answer()

    return routes
