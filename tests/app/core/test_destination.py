"""T55: bytes in, one Destination or none; what is decided on is what would be dialled."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.sandbox.destination import Destination, NotADestination, admitted, parse_authority, parse_entry

# How allow-lists have been got round: two readers that see different hosts in the same bytes.
SPELLINGS = [
    b"evil.example\x00.allowed.example:443", b"allowed.example\x00:443", b"allowed.example%00.evil.example:443",
    b"allowed.example@evil.example:443", b"user:pass@allowed.example:443", b"allowed.example:443@evil.example",
    b"allowed.example:443:443", b"allowed.example::443", b"allowed.example:443/", b"allowed.example:443?x", b"allowed.example:443#x",
    b"allowed.example.:443", b".allowed.example:443", b"allowed..example:443", b"-allowed.example:443", b"allowed-.example:443",
    b"allowed_x.example:443", b"*.allowed.example:443", b"allowed.example :443", b" allowed.example:443", b"allowed.example:443 ",
    b"allowed.example:443\n", b"allowed.example\r\n:443", b"allowed.example:\t443", b"allowed.example", b"allowed.example:",
    b"allowed.example:0", b"allowed.example:00443", b"allowed.example:65536", b"allowed.example:99999999", b"allowed.example:+443",
    b"allowed.example:-1", b"allowed.example:0x1bb", b"allowed.example:4_4_3", b"allowed.example:https",
    "allowed.example:\uff14\uff14\uff13".encode(), "\u0430llowed.example:443".encode(), "allowed\u3002example:443".encode(), "\xdf.example:443".encode(),
    b"allowed\xff.example:443", b"allowed.example\\.evil.example:443", b"//allowed.example:443", b"http://allowed.example:443",
    b"[allowed.example]:443", b"[::1%25eth0]:443", b"[fe80::1%eth0]:443", b"[::1]", b"[::1]443", b"[::ffff:127.0.0.1:443",
    b"::1:443", b"[]:443", b"[:]:443", b"[1.2.3.4]:443", b"127.1:443", b"0x7f.0.0.1:443", b"0x7f000001:443", b"2130706433:443",
    b"0177.0.0.1:443", b"127.0.0.01:443", b"127.0.0.1.:443", b"1.2.3.4.5:443", b"256.1.1.1:443", b"a.1:443", b"a.0x1:443",
    b"", b":443", b".:443", b"a" * 64 + b".example:443", b"a." * 127 + b"example:443",
]


@pytest.mark.parametrize("number", range(len(SPELLINGS)))
def test_t55_a_spelling_that_two_readers_could_read_differently_is_none(number: int) -> None:
    with pytest.raises(NotADestination):
        parse_authority(SPELLINGS[number])


@pytest.mark.parametrize(("authority", "host", "port"), [
    (b"allowed.example:443", "allowed.example", 443), (b"ALLOWED.Example:443", "allowed.example", 443),
    (b"xn--bcher-kva.example:8443", "xn--bcher-kva.example", 8443), (b"localhost:1", "localhost", 1),
    (b"1.2.3.4:65535", "1.2.3.4", 65535), (b"[2001:DB8:0::1]:443", "2001:db8::1", 443), (b"[::ffff:127.0.0.1]:80", "::ffff:7f00:1", 80),
    (b"1a.2b:5", "1a.2b", 5),
])
def test_plain_authorities_are_read(authority: bytes, host: str, port: int) -> None:
    read = parse_authority(authority)
    assert (read.host, read.port) == (host, port)


@given(st.one_of(
    st.binary(max_size=60),
    st.text("aZ9-.:[]@%_ \x00\n/é", max_size=40).map(str.encode),
    st.from_regex(rb"[A-Za-z0-9.-]{1,20}:[0-9]{1,6}", fullmatch=True),
    st.from_regex(rb"\[[0-9a-fA-F:.]{2,20}\]:[0-9]{1,5}", fullmatch=True),
    st.from_regex(rb"(0x)?[0-9]{1,4}(\.(0x)?[0-9]{1,4}){0,4}:443", fullmatch=True),
))
def test_t55_whatever_is_taken_is_one_destination_in_one_spelling(authority: bytes) -> None:
    try:
        read = parse_authority(authority)
    except NotADestination:
        return
    # Said again it is itself, and nothing that another reader could take for more than a host and a port is in it.
    assert parse_authority(str(read).encode()) == read
    assert authority.decode("ascii").lower().rpartition(":")[2] == str(read.port)
    assert re.fullmatch(rb"[A-Za-z0-9.:\[\]-]+", authority)
    if read.address is None:
        assert str(read).encode() == authority.lower()
        assert re.fullmatch(r"(?!-)[a-z0-9-]+(\.[a-z0-9-]+)*", read.host)
        for kind in (IPv4Address, IPv6Address):
            with pytest.raises(AddressValueError):
                kind(read.host)
    else:
        assert str(read.address) == read.host


@given(st.text(max_size=30), st.integers())
def test_t55_no_other_spelling_of_a_destination_can_be_made(host: str, port: int) -> None:
    try:
        made = Destination(host=host, port=port)
    except ValueError:
        return
    assert parse_authority(str(made).encode()) == made


@pytest.mark.parametrize(("entry", "asked", "permitted"), [
    ("a.example", b"a.example:443", True), ("A.Example", b"a.EXAMPLE:443", True), ("a.example", b"a.example:80", False),
    ("a.example:80", b"a.example:80", True), ("a.example:80", b"a.example:443", False), ("a.example", b"b.a.example:443", False),
    ("a.example", b"aa.example:443", False), ("*.a.example", b"b.a.example:443", True), ("*.a.example", b"a.example:443", False),
    ("*.a.example", b"c.b.a.example:443", False), ("*.a.example", b"ba.example:443", False), ("*.a.example:99", b"b.a.example:99", True),
    ("192.0.2.1", b"192.0.2.1:443", True), ("192.0.2.1", b"192.0.2.2:443", False), ("[2001:db8::1]:5", b"[2001:db8:0::1]:5", True),
    ("[2001:db8::1]", b"[2001:db8::1]:443", True), ("x.0.2.1a", b"x.0.2.1a:443", True),
])
def test_an_entry_permits_what_it_names(entry: str, asked: bytes, permitted: bool) -> None:
    destination = parse_authority(asked)
    found = admitted(destination, [parse_entry(entry)])
    # The very object that was decided on goes on to be dialled.
    assert found is (destination if permitted else None)


@pytest.mark.parametrize("entry", [
    "", "*", "*.example", "*.*.a.example", "a.*.example", "https://a.example", "a.example/", "a.example:", "a.example:0", "a example",
    "*.192.0.2.1", "2001:db8::1", "127.0.0.1", "[::1]", "169.254.169.254:80", "[fe80::1]", "224.0.0.1", "0.0.0.0", "a.example.", "ö.example",
    "a.example,b.example", "\ud800.example",
])
def test_an_entry_that_would_never_do_what_it_says_is_refused(entry: str) -> None:
    with pytest.raises(NotADestination):
        parse_entry(entry)
