"""Which protocol era a remote server speaks: asked, never guessed from a failure."""

import msgspec

from executor_adapters.kinds.mcp.headers import (
    LEGACY_VERSIONS,
    MODERN_VERSION,
    MODERN_VERSIONS,
    modern_headers,
)
from executor_adapters.kinds.mcp.post import Endpoint, post
from executor_adapters.kinds.mcp.remote import LegacyRemote, ModernRemote
from executor_adapters.kinds.mcp.upstream import (
    About,
    HttpRefusedError,
    Upstream,
    about_from,
    with_envelope,
)
from executor_adapters.kinds.mcp.wire import (
    HEADER_MISMATCH,
    MISSING_CAPABILITY,
    UNSUPPORTED_VERSION,
    Answer,
    RpcError,
    as_object,
    encode,
)
from executor_shared.errors import Code, UpstreamError

DISCOVER = "server/discover"
_BYTES = 1024 * 1024
_LEGACY_SERVER_MAY_SAY = frozenset({400, 404, 405, 406, 415, 422})


async def connect(endpoint: Endpoint) -> Upstream:
    """A conversation in the era that the server speaks.

    Raises:
        HttpRefusedError: a status that says nothing of the era (401, 403, 429, 5xx, a redirect), or the
            server speaks neither era.
        UpstreamError: no answer. Never a verdict on the era either.

    """
    try:
        answer = await _discover(endpoint)
    except HttpRefusedError as error:
        if error.status not in _LEGACY_SERVER_MAY_SAY:
            raise
        return await LegacyRemote.opened(endpoint)
    except UpstreamError as error:
        if error.code is not Code.UPSTREAM_INVALID_RESPONSE:
            raise
        return await LegacyRemote.opened(endpoint)
    about = verdict(answer)
    return ModernRemote(endpoint, about) if about is not None else await LegacyRemote.opened(endpoint)


async def _discover(endpoint: Endpoint) -> Answer:
    posted = await post(
        endpoint,
        encode(DISCOVER, with_envelope({}, MODERN_VERSION), 1),
        1,
        headers=modern_headers(MODERN_VERSION, DISCOVER, {}),
        max_bytes=_BYTES,
    )
    return posted.answer


def verdict(answer: Answer) -> About | None:
    """What `server/discover` was answered with: a modern server's self-description, or None for legacy."""
    if answer.error is not None:
        return _of_error(answer.error)
    result = as_object(answer.result)
    version = _mutual(result.get("supportedVersions"))
    return about_from(result, "modern", version) if version is not None else None


def _of_error(error: RpcError) -> About | None:
    if error.code in {HEADER_MISMATCH, MISSING_CAPABILITY}:
        return About("modern", MODERN_VERSION)
    if error.code != UNSUPPORTED_VERSION:
        return None
    supported = as_object(error.data).get("supported")
    version = _mutual(supported)
    if version is not None:
        return About("modern", version)
    if isinstance(supported, list) and not set(map(str, supported)) & set(LEGACY_VERSIONS):
        raise UpstreamError(
            "The MCP server speaks no protocol version that we know.",
            code=Code.UPSTREAM_INVALID_RESPONSE,
            sent=True,
            details={"supported": msgspec.json.encode(supported)[:200].decode()},
        )
    return None


def _mutual(supported: object) -> str | None:
    if not isinstance(supported, list):
        return None
    return next((version for version in MODERN_VERSIONS if version in supported), None)
