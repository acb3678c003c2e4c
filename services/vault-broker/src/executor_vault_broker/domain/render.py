"""From a credential's values to what goes into a request."""

import base64
import re
from collections.abc import Mapping

from executor_shared.contracts.vault_broker import Injection
from executor_shared.contracts.vocabulary import AuthMethod, Placement

_INPUT = re.compile(r"\{([A-Za-z0-9_-]+)\}")


def named_inputs(placement: Placement) -> tuple[str, ...]:
    """The inputs that a placement takes, in order of appearance."""
    return tuple(dict.fromkeys(_INPUT.findall(placement.value)))


def _filled(placement: Placement, values: Mapping[str, str]) -> str:
    """Each name is replaced once; what a value contains is never looked at again."""
    text = _INPUT.sub(lambda found: values[found[1]], placement.value)
    return base64.b64encode(text.encode()).decode() if placement.base64 else text


def render(placement: Placement, values: Mapping[str, str]) -> Injection:
    """One placement with the values in it: prefix, then the text (in base64 where it says so).

    Raises:
        KeyError: a value that it takes is missing; `check` sees to it that none is.

    """
    value = placement.prefix + _filled(placement, values)
    return Injection(carrier=placement.carrier, name=placement.name, value=value)


def secrets_of(method: AuthMethod, values: Mapping[str, str]) -> tuple[str, ...]:
    """Texts that must not come back from an upstream: the values, and what they became in base64.

    The user name of a basic credential is none, unless it is all there is.
    """
    public = {"username"} if method.type == "basic" and values.get("password") else set[str]()
    plain = [values[name] for name in method.inputs if name not in public and values.get(name)]
    encoded = [_filled(placement, values) for placement in method.placements if placement.base64]
    return tuple(dict.fromkeys([*plain, *encoded]))
