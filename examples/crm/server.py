"""A small REST API for customers that checks an API key and keeps a journal of what arrived.

Run: `python -m examples.crm.server --key SECRET [--port 8601]`. Its description is `openapi.yaml`.
"""

import hmac
import itertools
import json
from collections import deque
from typing import cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from examples.serving import arguments, serve

Customer = dict[str, str | None]

_JOURNAL = 1000


class Crm:
    """The customers and the journal of requests."""

    def __init__(self) -> None:
        self.customers: dict[str, Customer] = {}
        self.journal: deque[dict[str, object]] = deque(maxlen=_JOURNAL)
        self._numbers = itertools.count(1)
        for name, city in (
            ("Ada Lovelace", "London"),
            ("Grace Hopper", "New York"),
            ("Alan Turing", "London"),
        ):
            self.add(name, city)

    def add(self, name: str, city: str | None) -> Customer:
        """Keep a new customer."""
        number = f"c{next(self._numbers)}"
        self.customers[number] = {"id": number, "name": name, "city": city}
        return self.customers[number]

    async def list(self, request: Request) -> Response:
        """GET /customers."""
        city = request.query_params.get("city")
        limit = int(request.query_params.get("limit", "20"))
        found = [each for each in self.customers.values() if city is None or each["city"] == city]
        return JSONResponse(found[:limit])

    async def create(self, request: Request) -> Response:
        """POST /customers."""
        try:
            sent: object = json.loads(await request.body())
        except ValueError:
            return _problem(400, "The body is not JSON.")
        body = cast("dict[str, object]", sent) if isinstance(sent, dict) else {}
        name, city = body.get("name"), body.get("city")
        if not isinstance(name, str) or not name:
            return _problem(422, "name: a text is required.")
        return JSONResponse(self.add(name, city if isinstance(city, str) else None), 201)

    async def read(self, request: Request) -> Response:
        """GET /customers/{id}."""
        customer = self.customers.get(request.path_params["id"])
        return JSONResponse(customer) if customer else _problem(404, "There is no such customer.")

    async def delete(self, request: Request) -> Response:
        """DELETE /customers/{id}."""
        if self.customers.pop(request.path_params["id"], None) is None:
            return _problem(404, "There is no such customer.")
        return Response(status_code=204)

    async def echo_headers(self, request: Request) -> Response:
        """GET /echo-headers: what arrived, the API key included."""
        return JSONResponse(dict(request.headers.items()))

    async def show_journal(self, _: Request) -> Response:
        """GET /journal: what arrived so far, for tests and the demo; not in the description."""
        return JSONResponse(list(self.journal))


class KeyRequired:
    """Notes every request, then lets through those with the key."""

    def __init__(self, app: ASGIApp, crm: Crm, key: str) -> None:
        self._app = app
        self._crm = crm
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        accepted = hmac.compare_digest(request.headers.get("x-api-key", "").encode(), self._key.encode())
        if request.url.path != "/journal":
            self._crm.journal.append(
                {"method": request.method, "path": request.url.path, "accepted": accepted}
            )
        answer = self._app if accepted else _problem(401, "The header X-Api-Key is missing or wrong.")
        await answer(scope, receive, send)


def build(key: str) -> ASGIApp:
    """The application, with three customers to begin with."""
    crm = Crm()
    app = Starlette(
        routes=[
            Route("/customers", crm.list, methods=["GET"]),
            Route("/customers", crm.create, methods=["POST"]),
            Route("/customers/{id}", crm.read, methods=["GET"]),
            Route("/customers/{id}", crm.delete, methods=["DELETE"]),
            Route("/echo-headers", crm.echo_headers, methods=["GET"]),
            Route("/journal", crm.show_journal, methods=["GET"]),
        ]
    )
    return KeyRequired(app, crm, key)


def _problem(status: int, text: str) -> JSONResponse:
    return JSONResponse({"error": text}, status)


if __name__ == "__main__":
    parser = arguments("A customer API that checks an API key.")
    parser.add_argument("--key", required=True, help="the API key to accept")
    options = parser.parse_args()
    serve(build(options.key), options.host, options.port)
