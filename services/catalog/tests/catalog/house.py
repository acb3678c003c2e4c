"""A catalog on a storage of choice, with an upstream that tests own."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from executor_catalog.bus import UseCases
from executor_catalog.compose import use_cases
from executor_catalog.domain.ports import CatalogStore
from executor_catalog.settings import CatalogBlock
from executor_shared.contracts.adapters import Discover, Discovered, DiscoveredTool
from executor_shared.contracts.catalog import (
    ApplyCatalog,
    CatalogApplied,
    CatalogDocument,
    Changes,
    ChangesAsked,
    ConnectionSpec,
    IntegrationSpec,
    Tool,
)
from executor_shared.contracts.vocabulary import AuthMethod

KEY = AuthMethod(name="api-key", type="api_key")


def tool(name: str, **more: object) -> DiscoveredTool:
    """A tool as an upstream offers it."""
    definition = {
        "name": name,
        "description": f"Does {name}.",
        "inputSchema": {"type": "object", "properties": {"id": {"type": "string"}}},
        **more,
    }
    return DiscoveredTool(
        own_name=name,
        definition=msgspec.Raw(msgspec.json.encode(definition)),
        binding=msgspec.Raw(msgspec.json.encode({"path": f"/{name}"})),
        effect="read",
    )


@dataclass
class Upstreams:
    """The discovery port: what every integration offers, and what was asked."""

    tools: dict[str, list[DiscoveredTool]] = field(default_factory=dict[str, list[DiscoveredTool]])
    auth: dict[str, tuple[AuthMethod, ...]] = field(default_factory=dict[str, tuple[AuthMethod, ...]])
    origins: dict[str, str] = field(default_factory=dict[str, str])
    failing: dict[str, Exception] = field(default_factory=dict[str, Exception])
    set_aside: dict[str, str] = field(default_factory=dict[str, str])
    shared: bool = True
    asked: list[Discover] = field(default_factory=list[Discover])
    before_tools: Callable[[], "asyncio.Future[None] | None"] = lambda: None

    async def __call__(self, asked: Discover) -> Discovered:
        """What was found."""
        self.asked.append(asked)
        if not asked.target_only:
            if asked.integration in self.failing:
                raise self.failing[asked.integration]
            if gate := self.before_tools():
                await gate
        origin = self.origins.get(asked.integration, f"https://{asked.integration}.example:443")
        target = {"config": asked.config, "integration": asked.integration, "origin": origin}
        return Discovered(
            target=msgspec.Raw(msgspec.json.encode(target, order="sorted")),
            origin=origin,
            auth=self.auth.get(asked.integration, (KEY,)),
            title=f"Title of {asked.integration}",
            tools=() if asked.target_only else tuple(self.tools.get(asked.integration, [tool("get")])),
            set_aside={} if asked.target_only else self.set_aside,
            shared=self.shared,
        )

    def found_tools(self) -> list[str]:
        """Integrations whose tools were asked for, in order."""
        return [one.integration for one in self.asked if not one.target_only]


@dataclass
class Heard:
    """The announcer port: the revisions that were said."""

    revisions: list[int] = field(default_factory=list[int])

    async def changed(self, revision: int) -> None:
        """Remember."""
        self.revisions.append(revision)


@dataclass
class House:
    """Everything of one test."""

    store: CatalogStore
    upstreams: Upstreams
    heard: Heard
    use: UseCases

    async def apply(self, document: CatalogDocument, tenant: str = "acme", **more: object) -> CatalogApplied:
        """Apply a document."""
        return await self.use.apply(ApplyCatalog(tenant=tenant, document=document, **more))  # pyright: ignore[reportArgumentType]

    async def tools(self, tenant: str = "acme") -> dict[str, Tool]:
        """Live tools by own name (the last of several)."""
        page = await self.use.changes(ChangesAsked())
        return {t.own_name: t for t in page.tools if t.tenant == tenant and not t.removed}

    async def all_changes(self, after: int = 0, *, facts_only: bool = False) -> list[Changes]:
        """Every page."""
        pages: list[Changes] = []
        more = True
        while more:
            page = await self.use.changes(ChangesAsked(after=after, facts_only=facts_only))
            pages.append(page)
            after, more = page.upto, page.more
        return pages


def build(store: CatalogStore, upstreams: Upstreams | None = None) -> House:
    """A house on a store."""
    ours, heard = upstreams or Upstreams(), Heard()
    return House(store, ours, heard, use_cases(store, ours, heard, CatalogBlock()))  # pyright: ignore[reportCallIssue]


def integration(slug: str = "crm", **more: object) -> IntegrationSpec:
    """An integration of a document."""
    return IntegrationSpec(slug=slug, kind="openapi", config={"spec": "x"}, **more)  # pyright: ignore[reportArgumentType]


def document(*slugs: str, **more: object) -> CatalogDocument:
    """Integrations with one connection `main` each."""
    names = slugs or ("crm",)
    return CatalogDocument(
        integrations=tuple(integration(slug, **more) for slug in names),
        connections=tuple(ConnectionSpec(integration=slug, name="main") for slug in names),
    )
