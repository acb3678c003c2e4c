"""The MCP kind: resolve, discover, execute."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import msgspec

from executor_adapters.domain.endpoint import raw_target
from executor_adapters.domain.kind import Job, KindOptions
from executor_adapters.domain.ports import Egress
from executor_adapters.kinds.mcp import credential as credentials
from executor_adapters.kinds.mcp import probe, stdio
from executor_adapters.kinds.mcp.config import (
    LocalServer,
    auth_of,
    parse,
    server_of,
    target_of,
)
from executor_adapters.kinds.mcp.definition import Binding, clean_text
from executor_adapters.kinds.mcp.discovery import Found, find_tools
from executor_adapters.kinds.mcp.headers import parameter_headers
from executor_adapters.kinds.mcp.outcome import executed, refused, rejected_text, status_text
from executor_adapters.kinds.mcp.pool import Key, Pool
from executor_adapters.kinds.mcp.upstream import About, HttpRefusedError, Upstream
from executor_adapters.kinds.mcp.wire import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    MISSING_CAPABILITY,
    as_object,
)
from executor_shared.canonical import digest_bytes
from executor_shared.contracts.adapters import Discover, Discovered, Executed
from executor_shared.contracts.vault_broker import LeasedCredential
from executor_shared.contracts.vocabulary import Target
from executor_shared.errors import Code, ExecutorError, InvalidRequestError, UpstreamError

_AUTHENTICATION = frozenset({401, 403, 407})
_CONTRADICTS_ERA = frozenset({400, 404, 405})
_ERA_AGREED = frozenset({INVALID_PARAMS, HEADER_MISMATCH, MISSING_CAPABILITY})


class McpAdapter:
    """Speaks to MCP servers in both protocol eras, over streamable HTTP and stdio."""

    def __init__(self, egress: Egress, options: KindOptions) -> None:
        self._egress = egress
        self._options = options
        self._pool = Pool()

    async def resolve(self, asked: Discover) -> Discovered:
        """See `Adapter.resolve`; no request is made."""
        server = parse(asked.config, self._options)
        if asked.source is not None:
            raise InvalidRequestError(
                "mcp: an MCP server describes itself; there is no description file to give.",
                details={"field": "mcp"},
            )
        target = target_of(asked, server)
        return Discovered(target=raw_target(target), origin=target.origin, auth=auth_of(asked, server))

    async def discover(
        self, asked: Discover, target: Target, credential: LeasedCredential | None
    ) -> Discovered:
        """See `Adapter.discover`."""
        resolved = await self.resolve(asked)
        try:
            upstream = await self._open(target, credential)
            try:
                found = await find_tools(upstream, self._options.max_description_bytes)
            finally:
                await upstream.close()
        except HttpRefusedError as error:
            raise _refusal(error.status, sent=True) from None
        return _described(resolved, upstream.about, found)

    async def execute(self, job: Job) -> Executed:
        """See `Adapter.execute`."""
        binding = msgspec.json.decode(job.binding, type=Binding)
        key = _key(job)
        async with self._pool.borrowed(key, lambda: self._ready(job)) as upstream:
            headers = parameter_headers(binding.headers, as_object(job.arguments)) if binding.headers else {}
            try:
                answer = await upstream.ask(
                    "tools/call",
                    {"name": binding.name, "arguments": job.arguments},
                    headers=headers,
                    max_bytes=job.max_bytes,
                )
            except HttpRefusedError as error:
                self._reconsider(key, upstream, error.status)
                return refused(error.status)
            if answer.error is None or answer.error.code not in _ERA_AGREED:
                self._reconsider(key, upstream, answer.status)
            return executed(answer, binding.name)

    async def close(self) -> None:
        """End every conversation and child process."""
        await self._pool.close()

    async def sweep_for_ever(self) -> None:
        """End idle conversations now and then."""
        await self._pool.sweep_for_ever()

    def _reconsider(self, key: Key, upstream: Upstream, status: int) -> None:
        """A server that refuses the form of a request may have changed its era: ask again next time."""
        if status in _CONTRADICTS_ERA:
            self._pool.forget(key, upstream)

    async def _ready(self, job: Job) -> Upstream:
        """Open a conversation for a call. Whatever fails here, the call itself was not sent."""
        try:
            return await self._open(job.target, job.credential)
        except HttpRefusedError as error:
            raise _refusal(error.status, sent=False) from None
        except UpstreamError as error:
            raise UpstreamError(
                error.message, code=error.code, sent=False, details={**error.details, "sent": False}
            ) from error

    async def _open(self, target: Target, credential: LeasedCredential | None) -> Upstream:
        server = server_of(target)
        if isinstance(server, LocalServer):
            if not self._options.allow_stdio:
                raise ExecutorError(
                    "Local MCP servers are switched off on this worker.", code=Code.EGRESS_REFUSED
                )
            secret = credentials.environment(credential)
            secrets = tuple({*filter(None, secret.values()), *(credential.secrets if credential else ())})
            program = stdio.Program(
                server.command,
                {**dict(server.env), **secret},
                label=target.integration,
                folder=self._options.stdio_folder,
                secrets=secrets,
            )
            return await stdio.connect(program)
        return await probe.connect(credentials.endpoint(self._egress, server.url, target.network, credential))


@contextlib.asynccontextmanager
async def open_mcp(egress: Egress, options: KindOptions) -> AsyncGenerator[McpAdapter]:
    """The kind for one worker process; at the end its sessions and children are ended."""
    adapter = McpAdapter(egress, options)
    sweeping = asyncio.get_running_loop().create_task(adapter.sweep_for_ever())
    try:
        yield adapter
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
        await adapter.close()


def _key(job: Job) -> Key:
    target = digest_bytes(msgspec.json.encode(job.target))
    return target, job.connection, credentials.fingerprint(job.credential)


def _refusal(status: int, *, sent: bool) -> UpstreamError:
    if status in _AUTHENTICATION:
        code, message = Code.CONNECTION_REJECTED, rejected_text(status)
    else:
        code, message = Code.UPSTREAM_HTTP_ERROR, status_text(status)
    return UpstreamError(message, code=code, sent=sent, details={"status": status})


def _described(resolved: Discovered, about: About, found: Found) -> Discovered:
    return msgspec.structs.replace(
        resolved,
        title=clean_text(about.title or about.name),
        description=clean_text(about.instructions),
        tools=found.tools,
        set_aside=found.set_aside,
    )
