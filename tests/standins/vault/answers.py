"""How Vault answers: a status and a JSON body."""

import uuid
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]


class Refused(Exception):  # noqa: N818 - an answer, not a bug
    """An answer with `errors`."""

    def __init__(self, status: int, *errors: str, data: Body | None = None) -> None:
        super().__init__(status, errors)
        self.status = status
        self.body: Body = {"data": data} if data is not None else {"errors": list(errors)}


def denied() -> Refused:
    """What Vault says to every missing right."""
    return Refused(403, "1 error occurred:\n\t* permission denied\n\n")


def absent() -> Refused:
    """What Vault says where nothing is."""
    return Refused(404)


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer; without a body 204."""

    data: Body | None = None
    auth: Body | None = None

    @property
    def status(self) -> int:
        """200, or 204 without a body."""
        return 200 if self.data is not None or self.auth is not None else 204

    @property
    def body(self) -> Body:
        """Vault's envelope."""
        return {
            "request_id": str(uuid.uuid4()),
            "lease_id": "",
            "renewable": False,
            "lease_duration": 0,
            "data": self.data,
            "auth": self.auth,
            "wrap_info": None,
            "warnings": None,
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, after the token was checked."""

    method: str
    path: str
    body: Body
    token: str
    query: dict[str, str] = field(default_factory=dict[str, str])
