"""Which addresses may be connected to. Decided on the address of the socket, never on a name or a URL.

Sources: the IANA special-purpose address registries (RFC 6890 and its updates); the metadata services of the
large clouds. `ipaddress.is_global` is not used: it calls NAT64, 6to4 and WireServer addresses global.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from executor_shared.errors import InvalidRequestError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAX_PORT = 65535


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


# Never reachable, whatever a configuration names: metadata services, link-local, multicast, reserved.
_NEVER = _networks(
    "0.0.0.0/8", "169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.0/24", "192.0.2.0/24",
    "192.88.99.0/24", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    "::/128", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
    "3fff::/20", "5f00::/16", "fe80::/10", "fec0::/10", "ff00::/8", "fd00:ec2::254/128",
)  # fmt: skip
_LOOPBACK = _networks("127.0.0.0/8", "::1/128")
# Reachable where an integration names them.
_PRIVATE = _networks(
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15", "fc00::/7"
)  # fmt: skip
_GLOBAL_V6 = ipaddress.ip_network("2000::/3")


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of `network.allow`: `host` or `network`, and the port (None: any)."""

    host: str | None
    network: Network | None
    port: int | None

    def covers(self, host: str, address: Address, port: int) -> bool:
        """Whether a connection to `host`, which is at `address`, is named by it."""
        if self.port is not None and self.port != port:
            return False
        if self.network is not None:
            return address.version == self.network.version and address in self.network
        return self.host == host.lower().rstrip(".")


@lru_cache(maxsize=1024)
def rule_of(text: str) -> Rule:
    """Read `CIDR:port`, `address:port`, `[v6]:port`, `host:port`; `:*` or no port is any port.

    Raises:
        InvalidRequestError: anything else.

    """
    name, port_text = _split(text)
    port = (
        None
        if port_text in ("", "*")
        else int(port_text)
        if port_text.isascii() and port_text.isdigit()
        else -1
    )
    if not name or (port is not None and not 0 < port <= _MAX_PORT):
        raise InvalidRequestError(
            f"network.allow: {text!r} is not CIDR:port or host:port, such as 10.20.0.0/16:443.",
            details={"field": "network.allow", "value": text},
        )
    try:
        return Rule(None, ipaddress.ip_network(name, strict=False), port)
    except ValueError:
        return Rule(name.lower().rstrip("."), None, port)


def _split(text: str) -> tuple[str, str]:
    """Name and port; a bare IPv6 network has colons of its own and no port."""
    if text.startswith("["):
        name, closed, rest = text[1:].partition("]")
        return (name if closed else ""), rest.removeprefix(":")
    if text.count(":") > 1:
        return text, ""
    name, _, port = text.partition(":")
    return name, port


_NAME_IT = "an administrator can name it in the integration's network.allow"


def unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv4-mapped one."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


@dataclass(frozen=True, slots=True)
class Guard:
    """What the operator decided.

    Attributes:
        allow_loopback: integrations may name loopback addresses.
        forbidden: the installation's own servers, refused even then.

    """

    allow_loopback: bool = False
    forbidden: tuple[Rule, ...] = ()

    def refusal(self, host: str, address: Address, port: int, named: tuple[Rule, ...]) -> str | None:
        """Why a connection may not be made; None when it may.

        Args:
            host: as the URL names it.
            address: what the socket would connect to.
            port: likewise.
            named: rules of the integration's `network.allow`.

        """
        plain = unwrapped(address)
        if any(rule.covers(host, plain, port) for rule in self.forbidden):
            return "it belongs to this installation"
        if _within(plain, _NEVER):
            return "it is a link-local, metadata, multicast or reserved address"
        covered = any(rule.covers(host, plain, port) for rule in named)
        if _within(plain, _LOOPBACK):
            return self._loopback_refusal(covered=covered)
        if _within(plain, _PRIVATE):
            return None if covered else f"it is a private address; {_NAME_IT}"
        outside = plain.version == 6 and plain not in _GLOBAL_V6  # noqa: PLR2004 - IPv6
        return "it is not a global address" if outside else None

    def _loopback_refusal(self, *, covered: bool) -> str | None:
        if not self.allow_loopback:
            return "it is a loopback address, which the operator does not allow here"
        return None if covered else f"it is a loopback address; {_NAME_IT}"
