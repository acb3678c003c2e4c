"""Mounts, policies and the token check: what is the same for every path."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.standins.vault.answers import Answer, Asked, Refused, absent, denied
from tests.standins.vault.auth import AppRoles, Tokens
from tests.standins.vault.kv import KeyValues
from tests.standins.vault.policies import Policies, parse

_WRITES = frozenset({"POST", "PUT"})
_CAPABILITY = {"GET": "read", "LIST": "list", "DELETE": "delete", "PATCH": "patch"}


@dataclass(slots=True)
class System:
    """The whole, without the HTTP."""

    now: Callable[[], float]
    kv: dict[str, KeyValues] = field(default_factory=dict[str, KeyValues])
    approle: dict[str, AppRoles] = field(default_factory=dict[str, AppRoles])
    policies: Policies = field(default_factory=Policies)
    tokens: Tokens = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = Tokens(self.now)

    def answer(self, asked: Asked) -> Answer:
        """Answer one request.

        Raises:
            Refused: with Vault's status and words.

        """
        for mount, method in self.approle.items():
            if asked.path == f"auth/{mount}/login" and asked.method in _WRITES:
                return method.login(asked.body)
        self._check(asked)
        first, _, rest = asked.path.partition("/")
        if first == "sys":
            return self._system(replace(asked, path=rest))
        if first == "auth":
            mount, _, below = rest.partition("/")
            if mount == "token":
                return self.tokens.answer(replace(asked, path=below))
            if mount in self.approle:
                return self.approle[mount].answer(replace(asked, path=below))
        if first in self.kv:
            return self.kv[first].answer(replace(asked, path=rest))
        raise Refused(404, f'no handler for route "{asked.path}". route entry not found.')

    def _check(self, asked: Asked) -> None:
        token = self.tokens.living(asked.token)
        if not self.policies.allows(token.policies, asked.path, self._capability(asked)):
            raise denied()

    def _capability(self, asked: Asked) -> str:
        if asked.method not in _WRITES:
            return _CAPABILITY.get(asked.method, "read")
        mount, _, rest = asked.path.partition("/")
        creates = mount in self.kv and rest.startswith("data/") and not self.kv[mount].knows(rest)
        return "create" if creates else "update"

    def _system(self, asked: Asked) -> Answer:
        match (asked.method, asked.path.split("/")):
            case ("GET", ["mounts"]):
                return Answer({f"{m}/": {"type": "kv", "options": {"version": "2"}} for m in self.kv})
            case ("POST" | "PUT", ["mounts", mount]):
                return self._mount(mount, asked)
            case ("GET", ["auth"]):
                return Answer({f"{m}/": {"type": "approle"} for m in self.approle})
            case ("POST" | "PUT", ["auth", mount]) if asked.body.get("type") == "approle":
                return self._enable(mount)
            case ("POST" | "PUT", ["policies", "acl", name]):
                text = str(asked.body.get("policy", ""))
                parse(text)
                self.policies.by_name[name] = text
                return Answer()
            case ("GET", ["policies", "acl", name]) if name in self.policies.by_name:
                return Answer({"name": name, "policy": self.policies.by_name[name]})
            case _:
                raise absent()

    def _mount(self, mount: str, asked: Asked) -> Answer:
        if mount in self.kv:
            raise Refused(400, f"path is already in use at {mount}/")
        if asked.body.get("type") != "kv" or (asked.body.get("options") or {}).get("version") != "2":
            raise Refused(400, "this stand-in has KV version 2 only")
        self.kv[mount] = KeyValues(self.now)
        return Answer()

    def _enable(self, mount: str) -> Answer:
        if mount in self.approle:
            raise Refused(400, f"path is already in use at {mount}/")
        self.approle[mount] = AppRoles(self.tokens, self.now)
        return Answer()
