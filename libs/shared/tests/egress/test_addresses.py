"""Which addresses may be connected to."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor_shared.egress.addresses import Guard, rule_of
from executor_shared.errors import InvalidRequestError

OPEN = Guard(allow_loopback=True)
CLOSED = Guard()
EVERYTHING = tuple(rule_of(text) for text in ("0.0.0.0/0", "::/0"))


def refused(guard: Guard, address: str, *named: str, host: str = "upstream.example", port: int = 443) -> bool:
    rules = tuple(rule_of(text) for text in named)
    return guard.refusal(host, ipaddress.ip_address(address), port, rules) is not None


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "93.184.216.34", "::ffff:8.8.8.8"]
)
def test_public_addresses_need_no_permission(address: str) -> None:
    assert not refused(CLOSED, address)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "fd00:ec2::254", "fe80::1",
        "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "::", "0.0.0.0", "0.1.2.3",
        "192.0.0.192", "224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "ff02::1", "fec0::1",
        "2001::1", "2001:db8::1", "100::1", "203.0.113.7", "64:ff9b:1::1",
    ],
)  # fmt: skip
def test_metadata_and_reserved_addresses_are_refused_even_where_everything_is_named(address: str) -> None:
    assert OPEN.refusal("metadata", ipaddress.ip_address(address), 80, EVERYTHING) is not None


@pytest.mark.parametrize(
    "address", ["10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "::ffff:10.0.0.1"]
)
def test_private_addresses_are_reached_only_where_named(address: str) -> None:
    assert refused(CLOSED, address)
    assert refused(CLOSED, address, "10.0.0.0/8:8443", host="other")
    assert not refused(CLOSED, address, "upstream.example:443")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_needs_the_operator_and_the_integration(address: str) -> None:
    assert refused(CLOSED, address, "upstream.example:443")
    assert refused(OPEN, address)
    assert not refused(OPEN, address, "upstream.example:443")


def test_the_port_is_part_of_the_permission() -> None:
    assert not refused(CLOSED, "10.20.1.1", "10.20.0.0/16:443", port=443)
    assert refused(CLOSED, "10.20.1.1", "10.20.0.0/16:443", port=4222)


def test_our_own_servers_are_refused_even_where_named() -> None:
    guard = Guard(allow_loopback=True, forbidden=(rule_of("127.0.0.0/8:4222"),))
    assert refused(guard, "127.0.0.1", "127.0.0.1:4222", port=4222)
    assert not refused(guard, "127.0.0.1", "127.0.0.1:4223", port=4223)


@pytest.mark.parametrize("text", ["", ":443", "host:0", "host:65536", "host:http", "host:-1", "[::1", "[]:1"])
def test_a_rule_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"network\.allow"):
        rule_of(text)


@given(st.ip_addresses(v=4), st.integers(1, 65535))
def test_no_special_ipv4_address_is_reached_without_being_named(
    address: ipaddress.IPv4Address, port: int
) -> None:
    if not address.is_global:
        assert OPEN.refusal("x", address, port, ()) is not None
