"""The readers of bytes from a sandbox: bounded fuzzing of the request's head and of the first TLS message."""

from __future__ import annotations

import asyncio

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.core.sandbox.destination import Destination, Entry, parse_entry
from app.execute.gateway.egress.client_hello import HELLO_BYTES, NotAHello, server_name
from app.execute.gateway.egress.head import Refused, destination_of, read_request
from tests.app.execute.gateway.egress.outside import client_hello

ENTRIES = (parse_entry("allowed.example"), parse_entry("*.b.example:99"))
HELLO = client_hello("allowed.example")


def read(raw: bytes, entries: tuple[Entry, ...] = ENTRIES) -> Destination | None:
    async def go() -> Destination | None:
        reader = asyncio.StreamReader()
        reader.feed_data(raw)
        reader.feed_eof()
        request = await read_request(h11.Connection(h11.SERVER, max_incomplete_event_size=16 * 1024), reader)
        return None if request is None else destination_of(request, entries, {})

    return asyncio.run(go())


LINE = b"CONNECT allowed.example:443 HTTP/1.1\r\nHost: allowed.example:443\r\n\r\n"


@settings(max_examples=300, deadline=None)
@given(st.one_of(
    st.binary(max_size=200),
    st.tuples(st.integers(0, len(LINE)), st.binary(max_size=4), st.integers(0, 3)).map(
        lambda cut: LINE[:cut[0]] + cut[1] + LINE[cut[0] + cut[2]:]),
    st.tuples(st.sampled_from([b"CONNECT", b"GET", b"connect", b"\x00"]), st.binary(max_size=20), st.binary(max_size=20)).map(
        lambda part: part[0] + b" " + part[1] + b" HTTP/1.1\r\nHost: " + part[2] + b"\r\n\r\n"),
))
@example(LINE)
@example(LINE.replace(b"allowed.example:443\r\n\r\n", b"ALLOWED.example\r\n\r\n"))
def test_t55_any_bytes_are_a_permitted_destination_a_refusal_or_nothing(raw: bytes) -> None:
    try:
        destination = read(raw)
    except Refused:
        return
    if destination is not None:
        assert any(entry.permits(destination) for entry in ENTRIES)
        assert raw.lstrip(b"\r\n").startswith(b"CONNECT " + raw.lstrip(b"\r\n").split(b" ")[1])
        assert raw.lstrip(b"\r\n").split(b" ")[1].lower() == str(destination).encode()


def test_a_tunnel_to_a_registry_is_refused_with_where_it_is_named_unless_the_profile_names_the_host() -> None:
    registries = {"allowed.example": "npm", "packages.example": "npm"}
    request = h11.Request(method="CONNECT", target="packages.example:443", headers=[("Host", "packages.example:443")])
    with pytest.raises(Refused, match=r"^it belongs in `egress: registries:`, as `npm`$") as refused:
        destination_of(request, ENTRIES, registries)
    assert "`egress: registries: [npm]`" in refused.value.text
    allowed = h11.Request(method="CONNECT", target="allowed.example:443", headers=[("Host", "allowed.example:443")])
    assert destination_of(allowed, ENTRIES, registries) == Destination(host="allowed.example", port=443)


def test_a_head_is_read_however_it_is_cut() -> None:
    assert read(LINE) == Destination(host="allowed.example", port=443)
    assert all(read(LINE[:size]) is None for size in range(len(LINE)))


@settings(max_examples=300, deadline=None)
@given(st.one_of(
    st.binary(max_size=200), st.binary(max_size=60).map(lambda body: b"\x16\x03\x01" + len(body).to_bytes(2, "big") + body),
    st.tuples(st.integers(0, len(HELLO) - 1), st.integers(0, 255)).map(lambda at: HELLO[:at[0]] + bytes([at[1]]) + HELLO[at[0] + 1:]),
    st.integers(0, len(HELLO)).map(lambda size: HELLO[:size]),
))
def test_any_bytes_are_a_name_no_name_or_no_hello(data: bytes) -> None:
    try:
        name = server_name(data)
    except NotAHello:
        return
    assert name is None or name.isascii()


def test_a_hello_is_read_in_any_number_of_records() -> None:
    body = HELLO[5:]
    for size in (1, 7, 200, len(body)):
        cut = b"".join(
            b"\x16\x03\x01" + len(body[at:at + size]).to_bytes(2, "big") + body[at:at + size] for at in range(0, len(body), size)
        )
        assert server_name(cut + b"more") == "allowed.example"
        assert server_name(cut[:-1]) is None
    assert server_name(client_hello(None)) == ""


def test_two_names_are_no_name() -> None:
    names = HELLO.index(b"allowed.example") - 9
    extension = HELLO[names:names + 9 + len(b"allowed.example")]
    assert extension[:2] == b"\x00\x00"
    grown = bytearray(HELLO[:names] + extension + HELLO[names:])
    for at, width in ((3, 2), (6, 3), (names - 2, 2)):
        size = int.from_bytes(grown[at:at + width], "big") + len(extension)
        grown[at:at + width] = size.to_bytes(width, "big")
    with pytest.raises(NotAHello, match="more than one"):
        server_name(bytes(grown))


def test_t60_a_hello_without_end_is_given_up() -> None:
    with pytest.raises(NotAHello, match="too long"):
        server_name((b"\x16\x03\x01\x40\x00\x01\x00\xff\xff" + b"\x00" * HELLO_BYTES)[:HELLO_BYTES])
