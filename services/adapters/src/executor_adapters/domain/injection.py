"""A leased credential in an HTTP request: headers, query parameters and cookies."""

from urllib.parse import quote

from executor_shared.contracts.vault_broker import Injection, LeasedCredential
from executor_shared.egress.types import Headers
from executor_shared.errors import CredentialUnavailableError


def injected(
    url: str, headers: Headers, credential: LeasedCredential | None, *, cookies: tuple[str, ...] = ()
) -> tuple[str, Headers]:
    """The request's URL and headers with the credential in its place; it wins over what stands there.

    Args:
        url: encoded, without fragment.
        headers: of the request.
        credential: what was leased; None: nothing to add.
        cookies: `name=value` pairs that the request has by itself.

    Raises:
        CredentialUnavailableError: a value that cannot stand in its place; nothing was sent.

    """
    added: list[tuple[str, str]] = []
    pairs = list(cookies)
    for injection in credential.injections if credential else ():
        _check(injection)
        if injection.carrier == "header":
            added.append((injection.name, injection.value))
        elif injection.carrier == "cookie":
            pairs.append(f"{injection.name}={injection.value}")
        else:
            joint = "&" if "?" in url else "?"
            url += f"{joint}{quote(injection.name, safe='')}={quote(injection.value, safe='')}"
    if pairs:
        added.append(("Cookie", "; ".join(pairs)))
    taken = {name.lower() for name, _ in added}
    return url, (*(pair for pair in headers if pair[0].lower() not in taken), *added)


def _check(injection: Injection) -> None:
    unusual = any(ord(letter) < 32 or ord(letter) > 126 for letter in injection.value)  # noqa: PLR2004 - visible ASCII
    split = injection.carrier == "cookie" and ";" in injection.value
    if injection.carrier == "env" or (injection.carrier != "query" and (unusual or split)):
        raise CredentialUnavailableError(
            f"The credential cannot be sent as a {injection.carrier}; nothing was sent. Store it again."
        )
