"""A leased credential in an MCP request: headers, query and cookies of a URL, or environment variables."""

import hashlib

import msgspec
from yarl import URL

from executor_adapters.domain.ports import Egress
from executor_adapters.kinds.mcp.post import Endpoint
from executor_shared.contracts.vault_broker import Injection, LeasedCredential
from executor_shared.errors import CredentialUnavailableError


def endpoint(
    egress: Egress, url: str, network: tuple[str, ...], credential: LeasedCredential | None
) -> Endpoint:
    """Where to post, with the credential in its place.

    Raises:
        CredentialUnavailableError: a value that cannot stand in its place; nothing was sent.

    """
    headers: list[tuple[str, str]] = []
    cookies: list[str] = []
    for injection in credential.injections if credential else ():
        _check(injection)
        if injection.carrier == "header":
            headers.append((injection.name, injection.value))
        elif injection.carrier == "cookie":
            cookies.append(f"{injection.name}={injection.value}")
        elif injection.carrier == "query":
            url = str(URL(url).update_query({injection.name: injection.value}))
        else:
            raise _misplaced("An environment variable cannot be sent to a remote server.")
    if cookies:
        headers.append(("Cookie", "; ".join(cookies)))
    return Endpoint(egress, url, tuple(headers), network)


def environment(credential: LeasedCredential | None) -> dict[str, str]:
    """The environment variables that a credential gives to a local server.

    Raises:
        CredentialUnavailableError: the credential is not made for a local server; nothing was sent.

    """
    variables: dict[str, str] = {}
    for injection in credential.injections if credential else ():
        if injection.carrier != "env":
            raise _misplaced("A local MCP server takes credentials in its environment only.")
        if "\0" in injection.value:
            raise _misplaced("The credential holds a character that an environment variable cannot have.")
        variables[injection.name] = injection.value
    return variables


def fingerprint(credential: LeasedCredential | None) -> str:
    """Tells credentials apart as keys of pools, without keeping them."""
    if credential is None:
        return ""
    return hashlib.sha256(msgspec.json.encode(credential.injections)).hexdigest()


def _check(injection: Injection) -> None:
    unusual = any(ord(character) < 32 or ord(character) == 127 for character in injection.value)  # noqa: PLR2004
    split = injection.carrier == "cookie" and ";" in injection.value
    if injection.carrier != "query" and (unusual or split):
        raise _misplaced(f"The credential holds a character that a {injection.carrier} cannot have.")


def _misplaced(message: str) -> CredentialUnavailableError:
    return CredentialUnavailableError(f"{message} Store the credential again.")
