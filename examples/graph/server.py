"""A small GraphQL API for tasks that checks a bearer token.

Run: `python -m examples.graph.server --token SECRET [--port 8602]`.
"""

import hmac

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry.asgi import GraphQL

from examples.graph.schema import SCHEMA
from examples.serving import arguments, serve


class TokenRequired:
    """Lets through what carries the bearer token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await _lifespan(receive, send)
            return
        given = Request(scope).headers.get("authorization", "").encode()
        if hmac.compare_digest(given, self._expected):
            await self._app(scope, receive, send)
            return
        refusal = JSONResponse(
            {"errors": [{"message": "A valid bearer token is required."}]},
            401,
            {"WWW-Authenticate": "Bearer"},
        )
        await refusal(scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    """Say that starting and stopping went well; the GraphQL application has nothing to do for either."""
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": f"{message['type']}.complete"})
    await send({"type": "lifespan.shutdown.complete"})


if __name__ == "__main__":
    parser = arguments("A GraphQL API that checks a bearer token.")
    parser.add_argument("--token", required=True, help="the bearer token to accept")
    options = parser.parse_args()
    serve(
        TokenRequired(GraphQL(SCHEMA, graphql_ide=None), options.token),
        options.host,
        options.port,
        "/graphql",
    )
