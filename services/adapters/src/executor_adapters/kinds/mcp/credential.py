"""A leased credential in an MCP request: headers, query and cookies of a URL, or environment variables."""

import hashlib

import msgspec

from executor_adapters.domain.injection import injected
from executor_adapters.domain.ports import Egress
from executor_adapters.kinds.mcp.post import Endpoint
from executor_shared.contracts.vault_broker import LeasedCredential
from executor_shared.errors import CredentialUnavailableError


def endpoint(
    egress: Egress, url: str, network: tuple[str, ...], credential: LeasedCredential | None
) -> Endpoint:
    """Where to post, with the credential in its place.

    Raises:
        CredentialUnavailableError: a value that cannot stand in its place; nothing was sent.

    """
    url, headers = injected(url, (), credential)
    return Endpoint(egress, url, headers, network)


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


def _misplaced(message: str) -> CredentialUnavailableError:
    return CredentialUnavailableError(f"{message} Store the credential again.")
