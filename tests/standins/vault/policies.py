"""Policies: paths with `+` and a trailing `*`, and what may be done there."""

import re
from dataclasses import dataclass, field

from tests.standins.vault.answers import Refused

_COMMENT = re.compile(r"#.*?$", re.MULTILINE)
_STANZA = re.compile(r'path\s+"([^"]*)"\s*\{\s*capabilities\s*=\s*\[([^\]]*)\]\s*\}')
_DEFAULT = """
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
"""


def parse(text: str) -> dict[str, frozenset[str]]:
    """Path patterns and their capabilities."""
    bare = _COMMENT.sub("", text)
    found = {m[1]: frozenset(re.findall(r'"([a-z]+)"', m[2])) for m in _STANZA.finditer(bare)}
    if _STANZA.sub("", bare).strip():
        raise Refused(400, "failed to parse policy")
    return found


def _matches(pattern: str, path: str) -> bool:
    glob = pattern.endswith("*")
    wanted = re.escape(pattern.removesuffix("*")).replace(r"\+", "[^/]+")
    return re.fullmatch(wanted + (".*" if glob else ""), path) is not None


def _rank(pattern: str) -> tuple[int, bool, int]:
    """The more exact pattern counts: later first wildcard, no glob at the end, longer."""
    wildcard = min((pattern.find(c) for c in "+*" if c in pattern), default=len(pattern))
    return wildcard, not pattern.endswith("*"), len(pattern)


@dataclass(slots=True)
class Policies:
    """Policies by name."""

    by_name: dict[str, str] = field(default_factory=lambda: {"default": _DEFAULT})

    def allows(self, names: list[str], path: str, capability: str) -> bool:
        """Whether a token with these policies may do it."""
        if "root" in names:
            return True
        rules = [rule for name in names for rule in parse(self.by_name.get(name, "")).items()]
        fitting = [(pattern, capabilities) for pattern, capabilities in rules if _matches(pattern, path)]
        if not fitting:
            return False
        best = max(fitting, key=lambda rule: _rank(rule[0]))[0]
        granted = frozenset[str]().union(*(able for pattern, able in fitting if pattern == best))
        return capability in granted and "deny" not in granted
