"""The OpenAPI kind: resolve, discover, execute."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from executor_adapters.domain.endpoint import check_placements, origin_of, raw_target
from executor_adapters.domain.kind import Job, KindOptions
from executor_adapters.domain.ports import Egress, Outgoing
from executor_adapters.kinds.openapi import binding as bindings
from executor_adapters.kinds.openapi.auth import auth_methods
from executor_adapters.kinds.openapi.config import Config, parse
from executor_adapters.kinds.openapi.load import Document, load
from executor_adapters.kinds.openapi.operations import find_tools
from executor_adapters.kinds.openapi.refs import References
from executor_adapters.kinds.openapi.request import build
from executor_adapters.kinds.openapi.response import executed
from executor_adapters.kinds.openapi.servers import base_url
from executor_shared.canonical import digest_bytes
from executor_shared.contracts.adapters import Discover, Discovered, Executed
from executor_shared.contracts.vault_broker import LeasedCredential
from executor_shared.contracts.vocabulary import Target
from executor_shared.errors import Code, InvalidRequestError, UpstreamError

_OK = 200
_WANTED = (("Accept", "application/json, application/yaml;q=0.9, */*;q=0.5"),)


@dataclass(slots=True)
class OpenApiAdapter:
    """Speaks to any API that has a description, which is parsed in a thread.

    The last one is kept from `resolve` until `discover` has used it, since both are asked in a row.
    """

    egress: Egress
    options: KindOptions
    _parsed: tuple[str, Document] | None = None

    async def resolve(self, asked: Discover) -> Discovered:
        """See `Adapter.resolve`."""
        document, config = await self._described(asked)
        return await asyncio.to_thread(_resolved, asked, document, config)

    async def discover(
        self,
        asked: Discover,
        target: Target,  # noqa: ARG002 - a description says it all
        credential: LeasedCredential | None,  # noqa: ARG002
    ) -> Discovered:
        """See `Adapter.discover`; the tools are the same for every connection."""
        document, config = await self._described(asked)
        self._parsed = None
        return await asyncio.to_thread(_discovered, asked, document, config)

    async def execute(self, job: Job) -> Executed:
        """See `Adapter.execute`."""
        outgoing = build(
            str(job.target.config["base"]), bindings.decode(job.binding), job.arguments, job.credential
        )
        incoming = await self.egress.send(outgoing, network=job.target.network, max_bytes=job.max_bytes)
        return executed(incoming)

    async def _described(self, asked: Discover) -> tuple[Document, Config]:
        config = parse(asked.config)
        text = asked.source.encode() if asked.source is not None else await self._fetched(config, asked)
        key = digest_bytes(text)
        if self._parsed is not None and self._parsed[0] == key:
            return self._parsed[1], config
        document = await asyncio.to_thread(load, text, max_bytes=self.options.max_description_bytes)
        self._parsed = (key, document)
        return document, config

    async def _fetched(self, config: Config, asked: Discover) -> bytes:
        if not config.spec.startswith(("http://", "https://")):
            raise InvalidRequestError(
                f"openapi.spec: {config.spec!r} is not a URL, and its text did not come along.",
                details={"field": "openapi.spec"},
            )
        incoming = await self.egress.send(
            Outgoing("GET", config.spec, _WANTED),
            network=asked.network,
            max_bytes=self.options.max_description_bytes,
        )
        if incoming.status != _OK:
            raise UpstreamError(
                f"The description at {config.spec} cannot be had: HTTP {incoming.status}.",
                code=Code.UPSTREAM_HTTP_ERROR,
                sent=True,
                details={"status": incoming.status},
            )
        return incoming.body


@contextlib.asynccontextmanager
async def open_openapi(egress: Egress, options: KindOptions) -> AsyncGenerator[OpenApiAdapter]:
    """The kind for one worker process."""
    yield OpenApiAdapter(egress, options)


def _resolved(asked: Discover, document: Document, config: Config) -> Discovered:
    check_placements(asked.auth)
    base = base_url(document, config)
    target = Target(
        tenant=asked.tenant,
        integration=asked.integration,
        kind="openapi",
        origin=origin_of(urlsplit(base)),
        config={"base": base},
        network=asked.network,
    )
    info = document.get("info")
    about: dict[str, object] = info if isinstance(info, dict) else {}
    return Discovered(
        target=raw_target(target),
        origin=target.origin,
        auth=asked.auth or auth_methods(document, References(document)),
        title=str(about.get("title") or "")[:200],
        description=str(about.get("description") or "")[:2000],
        shared=True,
    )


def _discovered(asked: Discover, document: Document, config: Config) -> Discovered:
    resolved = _resolved(asked, document, config)
    found = find_tools(document, References(document), resolved.auth)
    return msgspec.structs.replace(resolved, tools=found.tools, set_aside=found.set_aside)
