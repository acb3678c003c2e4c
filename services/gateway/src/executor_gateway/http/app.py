"""One application: the guard in front, the nouns and the pages behind it."""

from importlib.metadata import version

from fastapi import APIRouter, FastAPI

from executor_gateway.http import catalog, config, pages, records, rules, tools
from executor_gateway.http.guard import Guard
from executor_gateway.http.use_cases import UseCases
from executor_shared.http import problems


def rest(use: UseCases) -> FastAPI:
    """The REST API under `/api/v1`, the landing page and the approval page."""
    app = FastAPI(
        title="Executor",
        version=version("executor-gateway"),
        description="One MCP endpoint in front of every integration of a company.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    nouns = APIRouter(prefix="/api/v1")
    for routes in (
        rules.me(use),
        catalog.integrations(use),
        catalog.connections(use),
        tools.router(use),
        catalog.toolkits(use),
        catalog.definitions(use),
        rules.policies(use),
        rules.principals(use),
        rules.api_keys(use),
        records.approvals(use),
        records.calls(use),
        config.router(use),
    ):
        nouns.include_router(routes)
    app.include_router(nouns)
    app.include_router(pages.router())
    problems.install(app)
    app.add_middleware(Guard, identify=use.identify)
    return app
