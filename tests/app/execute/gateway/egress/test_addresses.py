"""T54: which addresses a tunnel may lead to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ConfigurationError
from app.execute.gateway.egress.addresses import is_allowed, parse_networks

REFUSED = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "169.254.170.2", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::8.8.8.8", "2002:7f00:1::", "2002:0808:0808::1", "2001::1",
    "2001:db8::1", "3fff::1", "5f00::1", "100::1", "fc00::1", "fd00:ec2::254", "fd12:3456::1", "fe80::1", "fe80::1%1", "fec0::1",
    "ff02::1", "ff0e::1", "2606:4700::1111%1",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2001:4860:4860::8888", "64:ff9b::8.8.8.8"]


@pytest.mark.parametrize("address", REFUSED)
def test_t54_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert not is_allowed(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    assert is_allowed(ip_address(address))


@given(st.one_of(st.ip_addresses(), st.integers(0, 2**32 - 1).map(lambda low: IPv6Address((0xFFFF << 32) | low)),
                 st.integers(0, 2**32 - 1).map(lambda low: IPv6Address((0x64FF9B << 96) | low))))
def test_t54_no_address_passes_that_is_not_global_also_in_a_disguise(address: IPv4Address | IPv6Address) -> None:
    if is_allowed(address):
        assert address.is_global
        assert not any((address.is_loopback, address.is_link_local, address.is_multicast, address.is_unspecified, address.is_private))
        if isinstance(address, IPv6Address):
            assert address.ipv4_mapped is None
            assert address.sixtofour is None
            assert address.teredo is None
            if int(address) >> 32 == 0x64FF9B << 64:
                assert IPv4Address(int(address) & 0xFFFF_FFFF).is_global


def test_an_operator_can_name_private_networks_and_no_more() -> None:
    networks = parse_networks("10.20.0.0/16, fd12:3456::/48,100.64.0.0/10")
    assert is_allowed(ip_address("10.20.3.4"), networks)
    assert is_allowed(ip_address("fd12:3456::1"), networks)
    assert is_allowed(ip_address("64:ff9b::10.20.3.4"), networks)
    for refused in ("10.21.0.1", "fd12:3457::1", "127.0.0.1", "169.254.169.254", "100.100.100.200", "::ffff:10.20.3.4"):
        assert not is_allowed(ip_address(refused), networks)


@pytest.mark.parametrize("setting", [
    "127.0.0.0/8", "0.0.0.0/0", "::/0", "169.254.0.0/16", "fe80::/64", "224.0.0.0/4", "10.0.0.1/8", "ten", "10.0.0.0/8;11.0.0.0/8", "::1",
])
def test_t54_this_machine_and_its_link_cannot_be_named(setting: str) -> None:
    with pytest.raises(ConfigurationError, match="BELLHOP_EGRESS_PRIVATE_NETWORKS"):
        parse_networks(setting)


def test_no_network_is_named_by_default() -> None:
    assert parse_networks("") == parse_networks(" , ") == ()
