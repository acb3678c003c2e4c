"""The GraphQL kind: resolve, discover, execute."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import msgspec

from executor_adapters.domain.endpoint import raw_target
from executor_adapters.domain.injection import injected
from executor_adapters.domain.kind import Job, KindOptions
from executor_adapters.domain.ports import Egress, Headers, Outgoing
from executor_adapters.kinds.graphql.config import auth_of, target_of
from executor_adapters.kinds.graphql.outcome import executed, rejected_text
from executor_adapters.kinds.graphql.reach import Reach
from executor_adapters.kinds.graphql.schema import INTROSPECTION, from_introspection, from_text
from executor_adapters.kinds.graphql.select import checked_selection, invalid
from executor_adapters.kinds.graphql.tools import SELECT, Binding, Offered, tools_of
from executor_shared.contracts.adapters import Discover, Discovered, Executed
from executor_shared.contracts.vault_broker import LeasedCredential
from executor_shared.contracts.vocabulary import Target
from executor_shared.errors import Code, ExecutorError, InvalidRequestError, UpstreamError

_AUTHENTICATION = frozenset({401, 403, 407})
_BAD_REQUEST = 400
_HEADERS: Headers = (
    ("Accept", "application/graphql-response+json, application/json;q=0.9"),
    ("Content-Type", "application/json"),
)
_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class GraphQLAdapter:
    """Speaks GraphQL over HTTP POST."""

    egress: Egress
    options: KindOptions

    async def resolve(self, asked: Discover) -> Discovered:
        """See `Adapter.resolve`; no request is made."""
        target = target_of(asked)
        if asked.source is not None:
            await asyncio.to_thread(from_text, self._bounded(asked.source))
        return Discovered(target=raw_target(target), origin=target.origin, auth=auth_of(asked), shared=True)

    async def discover(
        self, asked: Discover, target: Target, credential: LeasedCredential | None
    ) -> Discovered:
        """See `Adapter.discover`."""
        resolved = Discovered(
            target=raw_target(target), origin=target.origin, auth=auth_of(asked), shared=True
        )
        if asked.source is not None:
            offered = await asyncio.to_thread(_from_source, self._bounded(asked.source))
        else:
            body = await self._introspected(target, credential)
            offered = await asyncio.to_thread(_from_upstream, body)
        return msgspec.structs.replace(resolved, tools=offered.tools, set_aside=offered.set_aside)

    async def execute(self, job: Job) -> Executed:
        """See `Adapter.execute`."""
        binding = msgspec.json.decode(job.binding, type=Binding)
        arguments = msgspec.json.decode(job.arguments, type=dict[str, msgspec.Raw])
        selection = _selection(binding, arguments)
        for name in arguments:
            if name not in binding.arguments:
                raise InvalidRequestError(
                    f"{name}: this operation has no such argument.",
                    code=Code.INVALID_TOOL_ARGUMENTS,
                    details={"field": name},
                )
        body = msgspec.json.encode(
            {
                "query": binding.document(arguments, selection),
                "operationName": binding.field,
                "variables": arguments,
            }
        )
        incoming = await self.egress.send(
            _outgoing(job.target, body, job.credential),
            network=job.target.network,
            max_bytes=job.max_bytes,
        )
        return executed(incoming, binding.field)

    async def _introspected(self, target: Target, credential: LeasedCredential | None) -> bytes:
        """The introspection result; refusals of the credential are told before anything else."""
        incoming = await self.egress.send(
            _outgoing(target, msgspec.json.encode({"query": INTROSPECTION}), credential),
            network=target.network,
            max_bytes=self.options.max_description_bytes,
        )
        status = incoming.status
        if status in _AUTHENTICATION:
            raise UpstreamError(
                rejected_text(status),
                code=Code.CONNECTION_REJECTED,
                sent=True,
                details={"status": status},
            )
        if status not in _SUCCESS and status != _BAD_REQUEST:
            raise UpstreamError(
                f"The API answered the question for its schema with HTTP {status}.",
                code=Code.UPSTREAM_HTTP_ERROR,
                sent=True,
                details={"status": status},
            )
        return incoming.body

    def _bounded(self, source: str) -> str:
        if len(source) > self.options.max_description_bytes:
            raise ExecutorError(
                f"The GraphQL schema is larger than {self.options.max_description_bytes} bytes.",
                code=Code.DESCRIPTION_INVALID,
            )
        return source


@contextlib.asynccontextmanager
async def open_graphql(egress: Egress, options: KindOptions) -> AsyncGenerator[GraphQLAdapter]:
    """The kind for one worker process; it keeps nothing."""
    yield GraphQLAdapter(egress, options)


def _outgoing(target: Target, body: bytes, credential: LeasedCredential | None) -> Outgoing:
    url, headers = injected(str(target.config["url"]), _HEADERS, credential)
    return Outgoing("POST", url, headers, body)


def _selection(binding: Binding, arguments: dict[str, msgspec.Raw]) -> str:
    """The selection set to send; takes `select` out of the arguments where it is ours."""
    if not binding.returns or (raw := arguments.pop(SELECT, None)) is None:
        return binding.selection
    try:
        text = msgspec.json.decode(raw, type=str)
    except msgspec.DecodeError:
        raise invalid("a text was expected") from None
    return checked_selection(text, binding.returns, msgspec.json.decode(binding.reach, type=Reach))


def _from_source(text: str) -> Offered:
    return tools_of(from_text(text))


def _from_upstream(body: bytes) -> Offered:
    return tools_of(from_introspection(body))
