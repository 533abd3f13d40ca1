"""Where a tunnel may lead: read byte by byte, by one reader, so that what is decided on is what is dialled. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Annotated, NamedTuple, TypeAlias

from pydantic import AfterValidator, Field

from app.core.noun import Noun

Address: TypeAlias = IPv4Address | IPv6Address

HTTPS_PORT = 443
# Why a tunnel is denied that a profile could permit; on record, and read again from there.
NOT_NAMED = "not in the profile's `egress: connect:`"

# CONNECT's target is authority-form, and the port is always said: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6
_AUTHORITY = re.compile(rb"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253}):([1-9][0-9]{0,4})")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# What some readers take for an address: 127.1, 0x7f.1, 2130706433. https://url.spec.whatwg.org/#ends-in-a-number-checker
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class NotADestination(ValueError):
    """These bytes name no host and port in the one spelling that is taken; the message says why, and quotes nothing."""


def _checked_host(host: str) -> str:
    labels = host.split(".")
    if ":" in host:
        return _checked_v6(host)
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise NotADestination("the host is not a plain name: letters, digits and hyphens between single dots")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(IPv4Address(host))
        except AddressValueError:
            raise NotADestination("the host reads as an address, and is none in its usual spelling") from None
    return host


def _checked_v6(host: str) -> str:
    try:
        address = IPv6Address(host)
    except AddressValueError:
        raise NotADestination("the host is not an IPv6 address") from None
    if address.scope_id is not None:
        raise NotADestination("the address names a scope of the machine that it was written on")
    return address.compressed


class Destination(Noun):
    """One host and one port. `host` is a name in lower case, or an address in its shortest spelling, without brackets.

    No other spelling can be made: who decides on a Destination and who dials it see the same.
    """

    host: Annotated[str, AfterValidator(_checked_host)]
    port: Annotated[int, Field(ge=1, le=65_535)]

    @property
    def address(self) -> Address | None:
        """The address that `host` is, or None for a name."""
        if ":" in self.host:
            return IPv6Address(self.host)
        return IPv4Address(self.host) if _NUMBER.fullmatch(self.host.rpartition(".")[2]) else None

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_authority(authority: bytes) -> Destination:
    """Return what a CONNECT asks for. Raises NotADestination for anything but `host:port` in plain ASCII.

    Refused: names with a dot at the end, an underscore, a percent sign, userinfo or bytes beyond ASCII (write the `xn--` form),
    addresses in any but the usual spelling, ports with a zero before them.
    """
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        raise NotADestination("it is not `host:port` in plain letters, digits, hyphens and dots")
    host = found[1].decode("ascii").lower()
    port = int(found[2])
    if port > 65_535:
        raise NotADestination("there is no such port")
    # Brackets are for IPv6 only; a name in them is none.
    return Destination(host=_checked_v6(host[1:-1]) if host.startswith("[") else _checked_host(host), port=port)


class Entry(NamedTuple):
    """One line of `egress: connect:`; with `below`, any host that has exactly one more label than `host`."""

    host: str
    port: int
    below: bool

    def permits(self, destination: Destination) -> bool:
        """Return whether this entry names that destination."""
        host = destination.host
        if self.below:
            # One label only, as in a certificate: `*.a.example` is not `x.y.a.example`.
            host = host.partition(".")[2] if destination.address is None else ""
        return (host, destination.port) == (self.host, self.port)


def parse_entry(text: str) -> Entry:
    """Return what a line of `egress: connect:` permits: `host`, `host:port`, `*.host`, `[2001:db8::1]:port`.

    Raises NotADestination.
    """
    below = text.startswith("*.")
    named = text.removeprefix("*.") if below else text
    has_port = re.search(r":[0-9]*$", named) is not None and not named.endswith("]")
    try:
        destination = parse_authority((named if has_port else f"{named}:{HTTPS_PORT}").encode("utf-8", "replace"))
    except NotADestination as error:
        raise NotADestination(f"{error}; write `host`, `host:port` or `*.host`") from None
    if below and (destination.address is not None or "." not in destination.host):
        raise NotADestination("a star stands for one label before a name that has a dot itself, such as `*.pkg.example.com`")
    address = destination.address
    if address is not None and (
        address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified
    ):
        raise NotADestination("no tunnel ever leads to an address of this machine, its link, or many machines at once")
    return Entry(destination.host, destination.port, below)


def admitted(destination: Destination, entries: Iterable[Entry]) -> Destination | None:
    """Return the very destination that was asked for if an entry permits it, otherwise None."""
    return destination if any(entry.permits(destination) for entry in entries) else None
