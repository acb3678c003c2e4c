"""How the broker proves itself to Vault, and keeps its token alive."""

from dataclasses import dataclass
from typing import Any, Protocol, cast

import hvac
from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Token:
    """A token's remaining life.

    Attributes:
        seconds: until it ends; 0: it does not end.
        renewable: whether Vault may prolong it.

    """

    seconds: float
    renewable: bool


class Login(Protocol):
    """One way of logging in. Both functions block and raise what hvac raises."""

    @property
    def again(self) -> bool:
        """Whether logging in can be repeated when the token has ended."""
        ...

    def __call__(self, client: hvac.Client) -> Token:
        """Give the client a token."""
        ...


def renew(client: hvac.Client) -> Token:
    """Prolong the client's token."""
    return token_of(_section(client.auth.token.renew_self(), "auth"), "lease_duration")


def token_of(section: dict[str, Any], duration: str) -> Token:
    """The life of a token from Vault's answer."""
    return Token(float(section.get(duration) or 0), bool(section.get("renewable")))


def _section(answer: object, name: str) -> dict[str, Any]:
    """A part of an answer; whatever is no JSON object (a redirect, an empty answer) has none."""
    found = cast("dict[str, Any]", answer).get(name) if isinstance(answer, dict) else None
    if not isinstance(found, dict):
        raise ConnectionError("not an answer of Vault")
    return cast("dict[str, Any]", found)


@dataclass(frozen=True, slots=True)
class TokenLogin:
    """A token given by the operator; it is renewed as long as Vault allows, and cannot be replaced."""

    token: SecretStr
    again: bool = False

    def __call__(self, client: hvac.Client) -> Token:
        """Look at the token's own life."""
        client.token = self.token.get_secret_value()
        return token_of(_section(client.auth.token.lookup_self(), "data"), "ttl")


@dataclass(frozen=True, slots=True)
class AppRoleLogin:
    """AppRole: role id and secret id for a short-lived token."""

    role_id: str
    secret_id: SecretStr
    mount: str
    again: bool = True

    def __call__(self, client: hvac.Client) -> Token:
        """Log in."""
        answer = client.auth.approle.login(
            self.role_id, self.secret_id.get_secret_value(), use_token=False, mount_point=self.mount
        )
        auth = _section(answer, "auth")
        client.token = str(auth["client_token"])
        return token_of(auth, "lease_duration")
