"""What a client asks for at the egress socket, decided on the head of its one request. Pure, but for reading it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import h11

from app.core.sandbox.destination import NOT_NAMED, Destination, Entry, NotADestination, admitted, parse_authority

HEAD_BYTES = 16 * 1024
# Why a tunnel to a registry is denied: with the name, which may be longer, it stays below what the audit holds.
ONE_OF = "it belongs in `egress: registries:`, as"
_READ_BYTES = 4096


class Refused(Exception):
    """The answer is no. `status` and `phrase` start it, `text` says what to do, `asked` is what was asked for, for the record.

    `phrase` is what a client shows that hides the rest (pip, requests); `str(refused)` is the reason on record.
    """

    def __init__(self, status: int, why: str, *, asked: str, text: str = "", phrase: str = "Refused by Bellhop") -> None:
        super().__init__(why)
        self.status = status
        self.asked = asked
        self.phrase = phrase
        self.text = text or f"Bellhop opens no tunnel for this: {why}.\n"


async def read_request(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    """Return the head of a request, or None when the client goes before it is whole. Raises Refused."""
    came = b""
    try:
        while True:
            event: Any = connection.next_event()
            if isinstance(event, h11.Request):
                return event
            if event is not h11.NEED_DATA:
                return None
            data = await reader.read(_READ_BYTES)
            if not data:
                return None
            # A line's worth, for the record.
            came = (came + data)[:200]
            connection.receive_data(data)
    except h11.RemoteProtocolError as error:
        asked = came.split(b"\n", 1)[0].rstrip(b"\r").decode("latin-1")
        raise Refused(431 if error.error_status_hint == 431 else 400, "it is not plain HTTP/1.1", asked=asked) from None


def destination_of(request: h11.Request, entries: Sequence[Entry], registries: Mapping[str, str]) -> Destination:
    """Return the destination that a request asks for and the profile permits. Raises Refused.

    `registries` is host to name of the operator's package registries: a tunnel to one is rarely what is wanted.
    """
    method, target = request.method.decode("latin-1"), request.target.decode("latin-1")
    asked = f"{method} {target}"
    if method != "CONNECT":
        raise Refused(
            403, "only CONNECT is served here", asked=asked, phrase="Only CONNECT is served here",
            text="Bellhop opens tunnels for https:// here and passes no plain http:// on. Use https:// and a host that the profile "
                 "names under `egress: connect:`.\n",
        )
    fields = dict(request.headers)
    if b"transfer-encoding" in fields or fields.get(b"content-length", b"0") != b"0":
        raise Refused(400, "a CONNECT has no body", asked=asked)
    try:
        destination = parse_authority(request.target)
    except NotADestination as error:
        raise Refused(403, str(error), asked=asked) from None
    # Two names in one request: a reader that goes by the other one would reach somewhere else.
    if fields.get(b"host", request.target).lower() not in (
        request.target.lower(), request.target.lower().rpartition(b":")[0]
    ):
        raise Refused(403, "its Host header names another host", asked=asked)
    permitted = admitted(destination, entries)
    if permitted is None and destination.host in registries:
        name = registries[destination.host]
        raise Refused(
            403, f"{ONE_OF} `{name}`", asked=f"CONNECT {destination}", phrase="A registry, see the profile's egress registries",
            text=f"Bellhop opens no tunnel to {destination}: that is the package registry `{name}`, which a profile names under "
                 f"`egress: registries: [{name}]`; clients then find it by their environment. Trying again does not help.\n",
        )
    if permitted is None:
        raise Refused(
            403, NOT_NAMED, asked=f"CONNECT {destination}", phrase="Not in the profile's egress connect",
            text=f"Bellhop opens no tunnel to {destination}: it is {NOT_NAMED}. Whoever keeps the profile can name it there; "
                 "`bellhop egress propose` shows the line. Trying again does not help.\n",
        )
    return permitted
