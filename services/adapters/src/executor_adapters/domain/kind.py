"""What a plug-in is: the code that speaks to one class of upstream."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import msgspec

from executor_adapters.domain.ports import Egress
from executor_shared.contracts.adapters import Discover, Discovered, Executed
from executor_shared.contracts.vault_broker import LeasedCredential
from executor_shared.contracts.vocabulary import Target

API_VERSION = 1


@dataclass(frozen=True, slots=True)
class Job:
    """One verified, granted call, ready to be performed.

    Attributes:
        connection: id of the connection; with `credential_version` the key of pooled upstream sessions.
        arguments: the JSON object that was granted.
        binding: what discovery wrote for this tool.
        max_bytes: bound of the upstream's response.

    """

    target: Target
    connection: str
    binding: msgspec.Raw
    arguments: msgspec.Raw
    credential: LeasedCredential | None
    max_bytes: int


class Adapter(Protocol):
    """One kind, opened for one worker process. All waits end at the current context's deadline."""

    async def resolve(self, asked: Discover) -> Discovered:
        """The target, origin and authentication of an integration, from its configuration alone.

        May fetch a description from a URL; never uses a credential and finds no tools.

        Raises:
            InvalidRequestError: a field of `config` is unknown, missing or of the wrong type; names it.
            DescriptionInvalidError: the description cannot be used; says where.
            UpstreamError: the description cannot be fetched.

        """
        ...

    async def discover(
        self, asked: Discover, target: Target, credential: LeasedCredential | None
    ) -> Discovered:
        """Everything of `resolve`, and the tools.

        Raises: as `resolve`.

        """
        ...

    async def execute(self, job: Job) -> Executed:
        """Perform a call and tell the truth about it.

        Raises:
            ExecutorError: nothing was sent, or `UpstreamError` with what is known of that.

        """
        ...


@dataclass(frozen=True, slots=True)
class KindOptions:
    """What the operator decided for kinds."""

    allow_stdio: bool = False
    stdio_folder: str = "/"
    max_description_bytes: int = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class AdapterKind:
    """What an entry point of group `executor.adapter_kinds` must name.

    Attributes:
        name: the `kind` of integrations; `[a-z][a-z0-9-]*`.
        api_version: must equal `API_VERSION`.
        open: opens the kind for a worker process; leaving closes its connections and children.

    """

    name: str
    api_version: int
    open: Callable[[Egress, KindOptions], AbstractAsyncContextManager[Adapter]]
