"""Fixtures of the OpenAPI kind."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from services.adapters.tests.kinds.at_work import AtWork, opened
from services.adapters.tests.kinds.openapi.describing import Json, OpenApi, text
from services.adapters.tests.kinds.openapi.recording import Recording, recording

from executor_adapters.kinds.openapi import KIND
from executor_shared.contracts.vault_broker import LeasedCredential
from executor_shared.contracts.vocabulary import AuthMethod


@pytest.fixture
async def upstream() -> AsyncIterator[Recording]:
    """A server that records what arrives."""
    async with recording() as found:
        yield found


@pytest.fixture
async def openapi() -> AsyncIterator[OpenApi]:
    """Makes integrations from descriptions; loopback is allowed to them."""
    async with opened(KIND) as make:

        def described(
            description: Json | str | None,
            *,
            config: dict[str, object] | None = None,
            credential: LeasedCredential | None = None,
            auth: tuple[AuthMethod, ...] = (),
            seconds: float = 20.0,
        ) -> AtWork:
            source = text(description) if isinstance(description, dict) else description
            work = make(
                {"spec": "api.json", **(config or {})}, source=source, credential=credential, seconds=seconds
            )
            work.asked = msgspec.structs.replace(work.asked, network=("127.0.0.0/8:*",), auth=auth)
            return work

        yield described
