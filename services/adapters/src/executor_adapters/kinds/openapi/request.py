"""From granted arguments to one request. Nothing that an agent sends can change where it goes."""

import re
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from executor_adapters.domain.injection import injected
from executor_adapters.domain.ports import Outgoing
from executor_adapters.kinds.openapi import bodies, serialize
from executor_adapters.kinds.openapi.binding import Binding, Parameter
from executor_adapters.kinds.openapi.paths import check_within, template_names
from executor_shared.contracts.vault_broker import LeasedCredential

_SAFE = "/:@!$&'()*+,;=-._~"
_PARAMETER = re.compile(r"\{[^{}/]+\}")


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
    url, query = _url(base, binding, values)
    _refuse_credential_names(query, credential)
    url += f"?{'&'.join(query)}" if query else ""
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


def _url(base: str, binding: Binding, values: dict[str, Any]) -> tuple[str, list[str]]:
    """The URL without its query, and the pairs of that."""
    written: dict[str, str] = {}
    query: list[str] = []
    for parameter, value in _given(binding, values):
        if parameter.place == "path":
            written[parameter.name] = serialize.path_value(parameter, value)
        elif parameter.place == "query":
            query += serialize.query_pairs(parameter, value)
    names = template_names(binding.path)
    if missing := [name for name in names if name not in written]:
        raise bodies.bad(missing[0], "it is a part of the path and must be given")
    fixed = [quote(part, safe=_SAFE) for part in _PARAMETER.split(binding.path)]
    path = fixed[0] + "".join(written[name] + part for name, part in zip(names, fixed[1:], strict=True))
    template = fixed[0] + "".join(f"{{x}}{part}" for part in fixed[1:])
    check_within(template, path, open_ended=any(p.segments for p in binding.parameters))
    return base + path, query


def _refuse_credential_names(query: list[str], credential: LeasedCredential | None) -> None:
    """An argument whose names are the agent's own (an object in a query) must not pose as the credential."""
    taken = (
        {i.name.lower() for i in credential.injections if i.carrier == "query"} if credential else set[str]()
    )
    for pair in query if taken else ():
        name = unquote(pair.partition("=")[0])
        if name.lower() in taken:
            raise bodies.bad(name, "it carries the credential and cannot be given")
