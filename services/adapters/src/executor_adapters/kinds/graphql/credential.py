"""A leased credential in a GraphQL request."""

from yarl import URL

from executor_adapters.domain.ports import Headers, Outgoing
from executor_shared.contracts.vault_broker import Injection, LeasedCredential
from executor_shared.errors import CredentialUnavailableError

_HEADERS: Headers = (
    ("Accept", "application/graphql-response+json, application/json;q=0.9"),
    ("Content-Type", "application/json"),
)


def outgoing(url: str, body: bytes, credential: LeasedCredential | None) -> Outgoing:
    """The request, with the credential in its place.

    Raises:
        CredentialUnavailableError: a value that cannot stand in its place; nothing was sent.

    """
    headers: list[tuple[str, str]] = []
    cookies: list[str] = []
    for injection in credential.injections if credential else ():
        if not _fits(injection):
            raise CredentialUnavailableError(
                f"The credential cannot be sent as a {injection.carrier}. Store the credential again."
            )
        if injection.carrier == "header":
            headers.append((injection.name, injection.value))
        elif injection.carrier == "cookie":
            cookies.append(f"{injection.name}={injection.value}")
        else:
            url = str(URL(url).update_query({injection.name: injection.value}))
    if cookies:
        headers.append(("Cookie", "; ".join(cookies)))
    return Outgoing("POST", url, (*_HEADERS, *headers), body)


def _fits(injection: Injection) -> bool:
    if injection.carrier == "query":
        return True
    unusual = any(ord(character) < 32 or ord(character) == 127 for character in injection.value)  # noqa: PLR2004
    split = injection.carrier == "cookie" and ";" in injection.value
    return injection.carrier in {"header", "cookie"} and not unusual and not split
