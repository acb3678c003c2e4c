"""Listing tools: rendered once per what a principal may see, and handed out as bytes."""

import hashlib
from dataclasses import dataclass, field
from typing import cast

import msgspec

from executor_gateway.domain.endpoint import Endpoints, Served
from executor_gateway.domain.identify import Identity
from executor_gateway.domain.keyring import KeyRing
from executor_gateway.domain.ports import Policy
from executor_gateway.domain.recent import Recent
from executor_shared.errors import InvalidRequestError
from executor_shared.views.catalog import Routed

_SEEN_KEPT = 4_096
_SEEN_SECONDS = 60.0
_LISTS_KEPT = 64
_LISTS_SECONDS = 3_600.0
_RENDERED_BYTES = 64 * 1024 * 1024
_PURPOSE = "cursor"
_OLDEST = "2025-03-26"
_MODERN = "2026-07-28"
_LEGACY_UNKNOWN = ("execution",)
_UNKNOWN_TO_OLDEST = ("outputSchema", "title", "icons", "execution")
_UNKNOWN_TO_MIDDLE = ("icons", "execution")


@dataclass(frozen=True, slots=True)
class Seen:
    """Which tools a principal sees at an endpoint: in order, with a fingerprint over what they are."""

    fingerprint: bytes
    tools: tuple[Routed, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A page: the JSON array of tools, and the cursor of the next page."""

    tools: bytes
    next: str | None


def _fields(tool: msgspec.Raw, name: str) -> dict[str, msgspec.Raw]:
    definition = msgspec.json.decode(tool or b"{}", type=dict[str, msgspec.Raw])
    definition.pop("name", None)
    return {"name": msgspec.Raw(msgspec.json.encode(name)), **definition}


def render(routed: Routed, name: str, version: str) -> bytes:
    """One tool as a client of this revision sees it; unknown fields stay, byte for byte."""
    fields = _fields(routed.tool.definition, name)
    if "inputSchema" not in fields:
        fields["inputSchema"] = msgspec.Raw(b'{"type":"object"}')
    if version != _MODERN:
        _strip(fields, version)
    return msgspec.json.encode(fields)


def _strip(fields: dict[str, msgspec.Raw], version: str) -> None:
    dropped = {_OLDEST: _UNKNOWN_TO_OLDEST, "2025-06-18": _UNKNOWN_TO_MIDDLE}.get(version, _LEGACY_UNKNOWN)
    for field_name in dropped:
        fields.pop(field_name, None)
    if "outputSchema" in fields:
        schema = msgspec.json.decode(fields["outputSchema"])
        if not isinstance(schema, dict) or cast("dict[str, object]", schema).get("type") != "object":
            del fields["outputSchema"]


def _seen_memory() -> Recent[tuple[object, ...], bytes]:
    return Recent(_SEEN_KEPT, _SEEN_SECONDS)


def _lists_memory() -> Recent[bytes, Seen]:
    return Recent(_LISTS_KEPT, _LISTS_SECONDS)


@dataclass(slots=True)
class _Rendered:
    """Rendered pages, bounded by their bytes; the least recently used go first."""

    bytes: int = 0
    pages: dict[tuple[object, ...], Page] = field(default_factory=dict[tuple[object, ...], Page])

    def get(self, key: tuple[object, ...]) -> Page | None:
        if page := self.pages.pop(key, None):
            self.pages[key] = page
        return page

    def keep(self, key: tuple[object, ...], page: Page) -> None:
        self.pages[key] = page
        self.bytes += len(page.tools)
        while self.bytes > _RENDERED_BYTES and len(self.pages) > 1:
            oldest = next(iter(self.pages))
            self.bytes -= len(self.pages.pop(oldest).tools)


@dataclass(frozen=True, slots=True)
class ListTools:
    """What a principal sees at an endpoint, page by page.

    Blocked tools are left out as policy says. What was said is believed for a minute, or until rules or
    catalog change. Rendered pages are shared by all who see the same tools.

    Attributes:
        page_tools: how many tools a page holds at most.
        page_bytes: how many bytes of tools a page holds at most (one larger tool still makes a page).
        seen: fingerprints of what principals see.
        lists: what stands behind the fingerprints in use.

    """

    endpoints: Endpoints
    policy: Policy
    keys: KeyRing
    page_tools: int = 1_000
    page_bytes: int = 4 * 1024 * 1024
    seen: Recent[tuple[object, ...], bytes] = field(default_factory=_seen_memory)
    lists: Recent[bytes, Seen] = field(default_factory=_lists_memory)
    rendered: _Rendered = field(default_factory=_Rendered)

    async def __call__(self, identity: Identity, served: Served, version: str, cursor: str | None) -> Page:
        """The page at `cursor` (None or empty: the first).

        Raises:
            InvalidRequestError: the cursor was not made for this list as it is now.

        """
        seen = await self.visible(identity, served)
        start = self._start(seen, cursor) if cursor else 0
        key = (seen.fingerprint, start, version)
        page = self.rendered.get(key)
        if page is None:
            page = self._page(seen, served, version, start)
            self.rendered.keep(key, page)
        return page

    def forget(self) -> None:
        """Rules or principals changed."""
        self.seen.forget()

    async def visible(self, identity: Identity, served: Served) -> Seen:
        """What the principal sees here now."""
        principal, revision = identity.principal, self.endpoints.view.revision
        path = served.endpoint.path
        key = (principal.tenant, principal.subject, principal.groups, principal.admin, path, revision)
        fingerprint = self.seen.get(key)
        if fingerprint and (found := self.lists.get(fingerprint)):
            return found
        generation = self.seen.generation
        toolkit = served.toolkit.slug if served.toolkit else None
        blocked = frozenset((await self.policy.blocked(identity.proof, revision, toolkit)).tools)
        tools = tuple(r for r in self.endpoints.all(principal, served) if r.tool.id not in blocked)
        whole = hashlib.sha256(path.encode())
        for routed in tools:
            whole.update(
                f"\0{routed.tool.id}\0{served.name_of(routed.tool)}\0{routed.tool.public_digest}".encode()
            )
        seen = self.lists.get(whole.digest()[:16]) or Seen(whole.digest()[:16], tools)
        self.lists.keep(seen.fingerprint, seen, self.lists.generation)
        self.seen.keep(key, seen.fingerprint, generation)
        return seen

    def _start(self, seen: Seen, cursor: str) -> int:
        payload = self.keys.open(_PURPOSE, cursor)
        if payload is None or payload[:16] != seen.fingerprint:
            raise InvalidRequestError(
                "The cursor is unknown, or the list has changed since: list from the beginning.",
                details={"field": "cursor"},
            )
        return int.from_bytes(payload[16:], "big")

    def _page(self, seen: Seen, served: Served, version: str, start: int) -> Page:
        parts: list[bytes] = []
        size = 0
        for routed in seen.tools[start : start + self.page_tools]:
            part = render(routed, served.name_of(routed.tool), version)
            size += len(part) + 1
            if parts and size > self.page_bytes:
                break
            parts.append(part)
        end = start + len(parts)
        cursor = None
        if end < len(seen.tools):
            cursor = self.keys.seal(_PURPOSE, seen.fingerprint + end.to_bytes(4, "big"))
        return Page(b"[" + b",".join(parts) + b"]", cursor)
