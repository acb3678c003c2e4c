"""From granted arguments to one request. Nothing that an agent sends can change where it goes."""

from typing import Any
from urllib.parse import quote

import msgspec

from executor_adapters.domain.injection import injected
from executor_adapters.domain.ports import Outgoing
from executor_adapters.kinds.openapi import bodies, serialize
from executor_adapters.kinds.openapi.binding import Binding, Parameter
from executor_shared.contracts.vault_broker import LeasedCredential
from executor_shared.errors import Code, ExecutorError

_SAFE = "/:@!$&'()*+,;=-._~"


def build(base: str, binding: Binding, raw: msgspec.Raw, credential: LeasedCredential | None) -> Outgoing:
    """The request.

    Args:
        base: base URL of the target, without a trailing slash.
        binding: how the operation is performed.
        raw: the granted arguments, a JSON object.
        credential: what was leased for it.

    Raises:
        InvalidRequestError: an argument that cannot be sent; names it.

    """
    arguments = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    body = bodies.encode(binding.body, arguments) if binding.body else None
    values: dict[str, Any] = {name: msgspec.json.decode(one) for name, one in arguments.items()}
    known = {parameter.argument for parameter in binding.parameters}
    if unknown := sorted(set(values) - known):
        accepted = ", ".join(sorted(known)) or "none"
        raise bodies.bad(unknown[0], f"this operation has no such argument; accepted: {accepted}")
    url = _url(base, binding, values)
    headers = [("Accept", binding.accept)] if binding.accept else []
    cookies: list[str] = []
    for parameter, value in _given(binding, values):
        if parameter.place == "header":
            headers.append((parameter.name, serialize.header_value(parameter, value)))
        elif parameter.place == "cookie":
            cookies.append(serialize.cookie_pair(parameter, value))
    if body:
        headers.append(("Content-Type", body.content_type))
    url, all_headers = injected(url, tuple(headers), credential, cookies=tuple(cookies))
    return Outgoing(binding.method, url, all_headers, body.data if body else None)


def _given(binding: Binding, values: dict[str, Any]) -> "list[tuple[Parameter, Any]]":
    return [
        (p, values[p.argument])
        for p in binding.parameters
        if p.argument in values and values[p.argument] is not None
    ]


def _url(base: str, binding: Binding, values: dict[str, Any]) -> str:
    path = binding.path
    query: list[str] = []
    for parameter, value in _given(binding, values):
        if parameter.place == "path":
            path = path.replace(f"{{{parameter.name}}}", "\0" + serialize.path_value(parameter, value) + "\0")
        elif parameter.place == "query":
            query += serialize.query_pairs(parameter, value)
    if "{" in path:
        missing = path[path.index("{") + 1 :].partition("}")[0]
        raise bodies.bad(missing, "it is a part of the path and must be given")
    # What stands between the marks is encoded already; the template's own letters are encoded here.
    shown = "".join(
        part if index % 2 else quote(part, safe=_SAFE) for index, part in enumerate(path.split("\0"))
    )
    url = base + shown + (f"?{'&'.join(query)}" if query else "")
    fixed = base + quote(binding.path.partition("{")[0], safe=_SAFE)
    if not url.startswith(fixed):
        raise ExecutorError(
            "The request would leave its place; nothing was sent.", code=Code.INVALID_TOOL_ARGUMENTS
        )
    return url
