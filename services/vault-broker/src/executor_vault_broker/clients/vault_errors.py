"""What went wrong with Vault, in plain words. Whatever it is: nothing is released."""

from hvac import exceptions

from executor_shared.errors import CredentialUnavailableError

_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (exceptions.VaultDown, "is sealed or in standby; unseal it, or give the address of the active node"),
    (exceptions.VaultNotInitialized, "is not initialised"),
    (exceptions.RateLimitExceeded, "refuses more requests for now (429)"),
    (exceptions.Forbidden, "refuses the broker: its token has ended, or its policy does not allow this path"),
    (exceptions.Unauthorized, "refuses the broker: it is not logged in"),
    (exceptions.BadGateway, "cannot be reached through its proxy (502)"),
    (exceptions.InternalServerError, "failed inside (500)"),
    (TimeoutError, "did not answer in time"),
    (OSError, "cannot be reached"),
)
REDIRECTED = "answered with a redirect, which is not followed; give the address of the active node"
LOGIN_REFUSED = "refuses the login: the role id or secret id is wrong, used up or past its time"


def unavailable(what: str) -> CredentialUnavailableError:
    """Vault `what`; nothing was released."""
    return CredentialUnavailableError(
        f"Vault {what}; no credential was released.", details={"dependency": "vault"}
    )


def told(error: BaseException) -> CredentialUnavailableError:
    """The failure of a request. The original's text is left out: it repeats what Vault said."""
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return unavailable(words)
    return unavailable(f"could not be used ({type(error).__name__})")
