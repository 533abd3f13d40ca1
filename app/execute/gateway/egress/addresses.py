"""Which addresses a tunnel may lead to: those of the public internet, and the private networks that the operator names. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TypeAlias

from app.core.sandbox.destination import Address
from app.errors import ConfigurationError

Network: TypeAlias = IPv4Network | IPv6Network

# Refused beside all that Python's tables do not call global (they differ from one version to the next).
# https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry
_REFUSED: tuple[Network, ...] = tuple(ip_network(each) for each in (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
    "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
    # Azure's wire server: a public number that only answers a machine about itself.
    # https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
    "168.63.129.16/32",
    "::/96", "::ffff:0:0/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001:db8::/32",
    # 6to4 wraps any IPv4 address, and is withdrawn: RFC 7526.
    "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
))
# Never, whatever an operator names: this machine, its link, many machines, none ...
_OWN: tuple[Network, ...] = tuple(ip_network(each) for each in (
    "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/96", "::ffff:0:0/96", "fe80::/10", "ff00::/8",
))
# ... and services that hand out a machine's own credentials: Azure, Alibaba, Oracle, AWS, Google.
_METADATA: tuple[Network, ...] = tuple(ip_network(each) for each in (
    "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32", "fd00:ec2::/32", "fd20:ce::254/128",
))
# NAT64 wraps an IPv4 address in the last 32 bits: RFC 6052.
_NAT64 = IPv6Network("64:ff9b::/96")


def is_allowed(address: Address, private_networks: Sequence[Network] = ()) -> bool:
    """Return whether a tunnel may lead to `address`; an IPv4 address inside an IPv6 one counts as itself."""
    if isinstance(address, IPv6Address) and (address.scope_id is not None or address in _NAT64):
        return address.scope_id is None and is_allowed(IPv4Address(int(address) & 0xFFFF_FFFF), private_networks)
    if _within(address, _OWN) or _within(address, _METADATA):
        return False
    if _within(address, private_networks):
        return True
    return address.is_global and not address.is_multicast and not address.is_reserved and not _within(address, _REFUSED)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Return the networks of `BELLHOP_EGRESS_PRIVATE_NETWORKS`, parted by commas. Raises ConfigurationError."""
    return tuple(_parsed(part.strip()) for part in text.split(",") if part.strip())


def _parsed(text: str) -> Network:
    try:
        network = ip_network(text)
    except ValueError:
        raise ConfigurationError(
            "BELLHOP_EGRESS_PRIVATE_NETWORKS must name networks such as 10.20.0.0/16, parted by commas, each by its first address"
        ) from None
    if any(network.version == own.version and network.overlaps(own) for own in _OWN):
        raise ConfigurationError(
            f"BELLHOP_EGRESS_PRIVATE_NETWORKS names {network}, which holds addresses of this machine or its link: no tunnel ever "
            "leads there. Name smaller networks"
        )
    return network


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
