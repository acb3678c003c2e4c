"""What may be stored: a way of sending that cannot harm a request, and values that fit it."""

import re
from collections.abc import Mapping

from executor_shared.contracts.vocabulary import AuthMethod, Carrier, Placement
from executor_shared.errors import Code, ExecutorError, InvalidRequestError
from executor_vault_broker.domain.render import named_inputs, render

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_QUERY = re.compile(r"[\x21-\x7e]{1,128}")
_ORIGIN = re.compile(r"https?://[^\s/@?#\\%]{1,255}:[0-9]{1,5}|stdio:[a-z0-9-]{1,64}")
_CONNECTION = re.compile(r"[^/\x00-\x20\x7f]{1,64}/[^/\x00-\x20\x7f]{1,256}/[^/\x00-\x20\x7f]{1,64}")
_TENANT = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VISIBLE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_COOKIE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_NAMES: dict[Carrier, re.Pattern[str]] = {"header": _TOKEN, "cookie": _TOKEN, "query": _QUERY, "env": _ENV}
_FRAMING = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "te", "trailer", "connection", "keep-alive"),
        *("upgrade", "expect", "content-type", "content-encoding", "accept", "accept-encoding", "range"),
        *("via", "forwarded", "date", "cookie", "traceparent", "tracestate", "last-event-id"),
    }
)
_FRAMING_PREFIXES = ("proxy-", "sec-", "mcp-", "x-forwarded-")
_LOADERS = frozenset(
    {
        *("PATH", "HOME", "SHELL", "IFS", "ENV", "BASH_ENV", "NODE_OPTIONS", "NODE_PATH", "PERL5LIB"),
        *("PERL5OPT", "RUBYOPT", "RUBYLIB", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "GIT_SSH_COMMAND"),
    }
)
_LOADER_PREFIXES = ("LD_", "DYLD_", "PYTHON")
_MAX_PLACEMENTS = 16
_MAX_VALUE = 8192
_MAX_RENDERED = 16384


def _wrong(field: str, message: str) -> InvalidRequestError:
    return InvalidRequestError(message, details={"field": field})


def check_place(tenant: str, connection: str, origin: str) -> None:
    """Whose, and where to.

    Raises:
        InvalidRequestError: one of them has another form.

    """
    if not _TENANT.fullmatch(tenant):
        raise _wrong("tenant", "tenant: expected 1 to 64 letters, digits, '_' or '-'.")
    if not _CONNECTION.fullmatch(connection):
        raise _wrong("connection", "connection: expected <integration>/<owner>/<name>.")
    if not _ORIGIN.fullmatch(origin):
        raise _wrong("origin", "origin: expected scheme://host:port, or stdio:<slug> for a local process.")


def check_method(method: AuthMethod) -> None:
    """Whether every placement is one that a credential may take.

    Raises:
        InvalidRequestError: names the placement, and what is wrong with it.

    """
    if not method.inputs or not 1 <= len(method.placements) <= _MAX_PLACEMENTS:
        raise _wrong(
            "method",
            f"{method.name}: expected at least one input, and 1 to {_MAX_PLACEMENTS} placements that say "
            "where the credential goes.",
        )
    for index, placement in enumerate(method.placements):
        _check_placement(placement, method, f"method.placements[{index}]")


def _check_placement(placement: Placement, method: AuthMethod, field: str) -> None:
    name = placement.name
    if not _NAMES[placement.carrier].fullmatch(name):
        raise _wrong(f"{field}.name", f"{field}: {name!r} cannot be the name of a {placement.carrier}.")
    if placement.carrier == "header" and _frames(name.lower()):
        raise _wrong(f"{field}.name", f"{field}: a credential cannot set the header {name}.")
    if placement.carrier == "env" and _loads(name):
        raise _wrong(f"{field}.name", f"{field}: a credential cannot set the variable {name}.")
    unknown = [one for one in named_inputs(placement) if one not in method.inputs]
    if unknown:
        raise _wrong(f"{field}.value", f"{field}: {{{unknown[0]}}} is not an input of {method.name}.")
    if not named_inputs(placement):
        raise _wrong(f"{field}.value", f"{field}: expected an input in braces, such as {{token}}.")


def _frames(name: str) -> bool:
    return name in _FRAMING or name.startswith(_FRAMING_PREFIXES)


def _loads(name: str) -> bool:
    return name in _LOADERS or name.startswith(_LOADER_PREFIXES)


def check_values(method: AuthMethod, values: Mapping[str, str]) -> None:
    """Whether the values are those that the method takes, and can stand in a request.

    Raises:
        ExecutorError: `connection_value_missing`, or `invalid_request`; the text never repeats a value.

    """
    for name in method.inputs:
        optional = method.type == "basic" and any(values.values())  # an API key as user name, no password
        if name not in values or (not values[name] and not optional):
            raise ExecutorError(
                f"The value of {name!r} is missing: {method.name} needs {', '.join(method.inputs)}.",
                code=Code.CONNECTION_VALUE_MISSING,
                details={"field": name, "accepted": list(method.inputs)},
            )
        _check_value(name, values[name])
    unknown = sorted(set(values) - set(method.inputs))
    if unknown:
        raise _wrong(unknown[0], f"{unknown[0]!r} is not an input of {method.name}.")
    if method.type == "basic" and ":" in values.get("username", ""):
        raise _wrong("username", "username: HTTP basic authentication allows no colon in it.")
    for placement in method.placements:
        _check_rendered(placement, values)


def _check_value(name: str, value: str) -> None:
    if len(value) > _MAX_VALUE:
        raise _wrong(name, f"{name}: longer than {_MAX_VALUE} characters.")
    if _CONTROL.search(value):
        raise _wrong(
            name,
            f"{name}: contains a line break or another control character. A file that ends with a line "
            "break is the usual cause.",
        )


def _check_rendered(placement: Placement, values: Mapping[str, str]) -> None:
    value = render(placement, values).value
    field = ", ".join(named_inputs(placement))
    if len(value) > _MAX_RENDERED:
        raise _wrong(field, f"{field}: too long for one {placement.carrier}.")
    if not (_VISIBLE.fullmatch(value) and _VISIBLE.fullmatch(value.removeprefix(placement.prefix))):
        raise _wrong(
            field, f"{field}: expected visible ASCII characters, with no space at the beginning or the end."
        )
    if placement.carrier == "cookie" and not _COOKIE.fullmatch(value):
        raise _wrong(
            field, f"{field}: a cookie cannot hold spaces, commas, semicolons, quotes or backslashes."
        )
