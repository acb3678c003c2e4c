"""`config`: plan, apply and export of whole documents."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import PlainTextResponse, Response

from executor_gateway.domain.identify import Identity
from executor_gateway.domain.plan import Wanted
from executor_gateway.http.known import InView
from executor_gateway.http.replies import Administrator, from_base64, reply, shown
from executor_gateway.http.use_cases import UseCases
from executor_shared.document import Source, catalog_of, policy_of, read
from executor_shared.errors import InvalidRequestError, NotPermittedError

_Proof = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DocumentBody(_Strict):
    """One document and the name of its file."""

    text: str
    file: str = "configuration.yaml"


class ConfigBody(_Strict):
    """A configuration with what its references led to.

    `credentials`: by connection (`<integration>/<owner>/<name>`), base64 of the values sealed to the
    vault-broker's key, or the values themselves by input (`{"value": …}` for a single one), which are
    sealed at once. `keys`: hexadecimal SHA-256 of API keys by subject. `files`: texts of descriptions.
    """

    documents: list[DocumentBody] = Field(min_length=1, max_length=100)
    files: dict[str, str] = {}
    credentials: dict[str, str | dict[str, str]] = {}
    keys: dict[str, _Proof] = {}
    prune: bool = False


async def _body(request: Request) -> ConfigBody:
    """The body: JSON as above, or one YAML document as it is."""
    raw = await request.body()
    if request.headers.get("content-type", "").split(";")[0].strip().lower() == "application/json":
        try:
            return await asyncio.to_thread(ConfigBody.model_validate_json, raw)
        except ValidationError as error:
            raise RequestValidationError(error.errors(include_url=False, include_input=False)) from None
    try:
        return ConfigBody(documents=[DocumentBody(text=raw.decode())])
    except UnicodeDecodeError:
        raise InvalidRequestError("The document is not UTF-8.", details={"field": "body"}) from None


def _given(connection: str, value: str | dict[str, str]) -> bytes | dict[str, str]:
    return from_base64(value, f"credentials.{connection}") if isinstance(value, str) else value


async def _wanted(use: UseCases, identity: Identity, request: Request) -> Wanted:
    body = await _body(request)
    sources = [Source(document.text, document.file) for document in body.documents]
    tenant = identity.principal.tenant
    configuration = await asyncio.to_thread(read, sources, InView(use.view, tenant))
    if configuration.tenant not in {None, tenant}:
        raise NotPermittedError(
            f"The document is for tenant {configuration.tenant!r}, your key for {tenant!r}. Another tenant's "
            "configuration is changed with a key of that tenant.",
            details={"field": "tenant"},
        )
    return Wanted(
        catalog=catalog_of(configuration, body.files),
        policy=policy_of(configuration, body.keys),
        credentials={name: _given(name, value) for name, value in body.credentials.items()},
        prune=body.prune,
    )


_DOCUMENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/yaml": {"schema": {"type": "string"}},
            "application/json": {"schema": ConfigBody.model_json_schema()},
        },
    }
}


def router(use: UseCases) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/config", tags=["config"])

    @routes.post("/plan", openapi_extra=_DOCUMENT)
    async def plan_configuration(identity: Administrator, request: Request) -> Response:
        """What a document would change; nothing is changed."""
        plan = await use.plan(identity, await _wanted(use, identity, request))
        return reply({"changes": [shown(change) for change in plan.changes]})

    @routes.post("/apply", openapi_extra=_DOCUMENT)
    async def apply_configuration(identity: Administrator, request: Request) -> Response:
        """Make a document so, whole or not at all."""
        applied = await use.apply(identity, await _wanted(use, identity, request))
        return reply(
            {
                "changes": [shown(change) for change in applied.changes],
                "tools": [shown(tools) for tools in applied.tools],
                "revision": applied.revision,
            }
        )

    @routes.get("", response_class=PlainTextResponse)
    async def export_configuration(identity: Administrator) -> Response:
        """What is configured, as a document: references to credentials, never credentials."""
        text = await use.export(identity)
        return PlainTextResponse(text, media_type="application/yaml", headers={"Cache-Control": "no-store"})

    return routes
