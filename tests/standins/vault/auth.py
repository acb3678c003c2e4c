"""Tokens and AppRole."""

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from tests.standins.vault.answers import Answer, Asked, Body, Refused, absent, denied

_UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds_of(value: object) -> float:
    """`"15m"`, `"900"` or 900."""
    text = str(value or 0)
    return float(text[:-1]) * _UNITS[text[-1]] if text[-1] in _UNITS else float(text)


@dataclass(slots=True)
class Token:
    """A token; `ends` None: it does not end by itself."""

    id: str
    policies: list[str]
    ttl: float
    ends: float | None
    last: float | None
    renewable: bool
    accessor: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(slots=True)
class Tokens:
    """All living tokens."""

    now: Callable[[], float]
    by_id: dict[str, Token] = field(default_factory=dict[str, Token])

    def issue(
        self, policies: list[str], *, ttl: float = 0, max_ttl: float = 0, renewable: bool = True
    ) -> Token:
        """A new token; ttl 0: without an end."""
        now = self.now()
        token = Token(
            id=f"hvs.{secrets.token_urlsafe(24)}",
            policies=policies,
            ttl=ttl,
            ends=now + ttl if ttl else None,
            last=now + max_ttl if max_ttl else None,
            renewable=renewable and ttl > 0,
        )
        self.by_id[token.id] = token
        return token

    def living(self, id_: str) -> Token:
        """The token.

        Raises:
            Refused: 403: unknown, revoked or past its end.

        """
        token = self.by_id.get(id_)
        if token is None or (token.ends is not None and token.ends <= self.now()):
            raise denied()
        return token

    def auth(self, token: Token) -> Body:
        """The `auth` part of an answer."""
        return {
            "client_token": token.id,
            "accessor": token.accessor,
            "policies": token.policies,
            "token_policies": token.policies,
            "lease_duration": self._left(token),
            "renewable": token.renewable,
        }

    def _left(self, token: Token) -> int:
        return 0 if token.ends is None else max(1, int(token.ends - self.now()))

    def answer(self, asked: Asked) -> Answer:
        """Answer below `auth/token`."""
        token = self.living(asked.token)
        match (asked.method, asked.path):
            case ("GET", "lookup-self"):
                life = {"ttl": self._left(token), "creation_ttl": int(token.ttl)}
                return Answer(
                    {"id": token.id, "policies": token.policies, "renewable": token.renewable, **life}
                )
            case ("POST" | "PUT", "renew-self"):
                return Answer(auth=self._renewed(token))
            case ("POST" | "PUT", "revoke-self"):
                del self.by_id[token.id]
                return Answer()
            case ("POST" | "PUT", "create"):
                policies = cast("list[str]", asked.body.get("policies") or token.policies)
                ttl = seconds_of(asked.body.get("ttl"))
                return Answer(auth=self.auth(self.issue(policies, ttl=ttl)))
            case _:
                raise absent()

    def _renewed(self, token: Token) -> Body:
        if not token.renewable:
            raise Refused(400, "lease is not renewable")
        until = self.now() + token.ttl
        token.ends = until if token.last is None else min(until, token.last)
        return self.auth(token)


@dataclass(slots=True)
class _SecretId:
    uses: int
    ends: float | None


@dataclass(slots=True)
class _Role:
    role_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    settings: Body = field(default_factory=dict[str, object])
    secret_ids: dict[str, _SecretId] = field(default_factory=dict[str, _SecretId])


@dataclass(slots=True)
class AppRoles:
    """One mount of the AppRole method."""

    tokens: Tokens
    now: Callable[[], float]
    roles: dict[str, _Role] = field(default_factory=dict[str, _Role])

    def answer(self, asked: Asked) -> Answer:
        """Answer below the mount, but for `login`."""
        match (asked.method, asked.path.split("/")):
            case ("POST" | "PUT", ["role", name]):
                self.roles.setdefault(name, _Role()).settings |= asked.body
                return Answer()
            case ("GET", ["role", name]):
                return Answer(self._role(name).settings)
            case ("GET", ["role", name, "role-id"]):
                return Answer({"role_id": self._role(name).role_id})
            case ("POST" | "PUT", ["role", name, "secret-id"]):
                return Answer(self._new_secret_id(self._role(name)))
            case _:
                raise absent()

    def _role(self, name: str) -> _Role:
        if name not in self.roles:
            raise absent()
        return self.roles[name]

    def _new_secret_id(self, role: _Role) -> Body:
        ttl = seconds_of(role.settings.get("secret_id_ttl"))
        uses = int(cast("int", role.settings.get("secret_id_num_uses") or 0))
        secret_id = str(uuid.uuid4())
        role.secret_ids[secret_id] = _SecretId(uses or -1, self.now() + ttl if ttl else None)
        return {"secret_id": secret_id, "secret_id_accessor": str(uuid.uuid4()), "secret_id_num_uses": uses}

    def login(self, body: Body) -> Answer:
        """Role id and secret id for a token."""
        role = next((r for r in self.roles.values() if r.role_id == body.get("role_id")), None)
        found = role.secret_ids.get(str(body.get("secret_id"))) if role else None
        if role is None or found is None or found.uses == 0 or (found.ends or self.now() + 1) <= self.now():
            raise Refused(400, "invalid role or secret ID")
        found.uses -= 1
        settings = role.settings
        policies = list(cast("list[str]", settings.get("token_policies") or []))
        if not settings.get("token_no_default_policy"):
            policies.append("default")
        ttl, last = seconds_of(settings.get("token_ttl")), seconds_of(settings.get("token_max_ttl"))
        return Answer(auth=self.tokens.auth(self.tokens.issue(policies, ttl=ttl, max_ttl=last)))
