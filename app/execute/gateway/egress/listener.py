"""`egress.sock`: the way out to the hosts that a profile names, one CONNECT per connection, everything bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import anyio
import h11
import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.core.sandbox.destination import HTTPS_PORT, Destination, Entry, NotADestination, parse_entry
from app.execute.gateway.denials import record_denial
from app.execute.gateway.door import Door, InFlight
from app.execute.gateway.egress.client_hello import HELLO_BYTES, NotAHello, server_name
from app.execute.gateway.egress.dial import Denied, Dialler, Unreachable
from app.execute.gateway.egress.head import HEAD_BYTES, Refused, destination_of, read_request
from app.execute.gateway.egress.streams import READ_AHEAD_BYTES, Streams
from app.execute.gateway.egress.tunnel import Tunnel
from app.execute.gateway.places import bind_socket
from app.ledger import audit

log = structlog.get_logger()

MAX_CONNECTIONS = 128
MAX_TUNNELS = 64
# One row of the audit each: no build needs so many.
MOST_TUNNELS = 10_000
_OPENING = 8
HEAD_SECONDS = 15.0
_HELLO_SECONDS = 15.0
# A client sends its hello in one piece or a few; reading it anew for each single byte would cost.
_HELLO_PIECES = 64
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 256 * 1024
_STOP_SECONDS = 5.0


class EgressListener:
    """The egress socket of one door, served from `start` to `stop`."""

    def __init__(self, path: Path, door: Door, dialler: Dialler, registries: Mapping[str, str]) -> None:
        self._path = path
        self._door = door
        self._dialler = dialler
        self._registries = registries
        self._entries = _entries(door)
        self._opening = anyio.Semaphore(_OPENING)
        self._connections = 0
        self._tunnels = 0
        self._opened = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Bind and serve; connections are taken when this returns. Raises ConfigurationError."""
        sock = bind_socket(self._path, mode=0o666)

        async def serve() -> None:
            server = await asyncio.start_unix_server(self._connected, sock=sock, limit=READ_AHEAD_BYTES)
            try:
                await server.serve_forever()
            finally:
                server.close()

        self._task = asyncio.create_task(serve(), name=f"serve {self._path}")

    async def stop(self) -> None:
        """Take no more connections and remove the socket; those in flight are the door's to cut."""
        self._path.unlink(missing_ok=True)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=_STOP_SECONDS)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._door.ending or self._door.ended or self._door.closing or self._connections >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        self._connections += 1
        # To the door this is one more way to the outside: cut when the sandbox ends.
        flight = InFlight(to_model=True)
        self._door.requests.add(flight)
        try:
            with flight.cancel, suppress(OSError):
                await self._answer(Streams(reader, writer))
        except Exception as error:  # one connection that breaks our own code must not be left open
            log.error("egress_failed", sandbox=self._door.sandbox_id, error=type(error).__name__)
        finally:
            writer.transport.abort()
            self._connections -= 1
            self._door.requests.discard(flight)
            flight.done.set()

    async def _answer(self, inside: Streams) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        try:
            with anyio.fail_after(HEAD_SECONDS):
                request = await read_request(connection, inside.reader)
            if request is None:
                return
            destination = destination_of(request, self._entries, self._registries)
            if self._opened >= MOST_TUNNELS:
                raise Refused(403, f"this sandbox has opened {MOST_TUNNELS} tunnels", asked=f"CONNECT {destination}")
            if self._tunnels >= MAX_TUNNELS:
                await _say(connection, inside, 503, "Too many tunnels", f"This sandbox has {MAX_TUNNELS} tunnels open.\n")
                return
            self._tunnels += 1
            self._opened += 1
            try:
                await self._open(connection, inside, destination)
            finally:
                self._tunnels -= 1
        except Refused as refused:
            await record_denial(self._door, surface="egress", target=refused.asked, why=str(refused))
            await _say(connection, inside, refused.status, refused.phrase, refused.text)
        except TimeoutError:
            await _say(connection, inside, 408, "Too slow", "The request did not come in time.\n")

    async def _open(self, connection: h11.Connection, inside: Streams, destination: Destination) -> None:
        asked = f"CONNECT {destination}"
        try:
            async with self._opening:
                outside = await self._dialler.dial(destination)
        except Denied as denied:
            raise Refused(403, str(denied), asked=asked) from None
        except Unreachable as error:
            await self._record(asked, "unreachable")
            await _say(connection, inside, 502, "Unreachable", f"Bellhop may reach {destination}, but {error}.\n")
            return
        tunnel = Tunnel(outside)
        try:
            # On record before the first byte goes either way.
            row_id = await self._record(asked, "open")
            if row_id is None:
                await _say(connection, inside, 503, "Not now", "Bellhop cannot put this on record now: ask again.\n")
                return
            try:
                await self._through(connection, inside, tunnel, destination)
            finally:
                with anyio.CancelScope(shield=True):
                    await self._conclude(row_id, f"ok, {tunnel.up} bytes up, {tunnel.down} down")
        finally:
            outside.writer.transport.abort()

    async def _through(self, connection: h11.Connection, inside: Streams, tunnel: Tunnel, destination: Destination) -> None:
        # The end of the request's own message; what follows is the tunnel's.
        connection.next_event()
        connection.next_event()
        inside.writer.write(connection.send(h11.Response(status_code=200, headers=[], reason=b"Connected")) or b"")
        await inside.writer.drain()
        early = bytes(connection.trailing_data[0])
        if destination.port == HTTPS_PORT:
            checked = await self._hello(inside, early, destination)
            if checked is None:
                return
            early = checked
        await tunnel.run(inside._replace(early=early))

    async def _hello(self, inside: Streams, came: bytes, destination: Destination) -> bytes | None:
        """Return the first bytes of a TLS connection that names this very host, or None after a denial.

        A server that answers for many names goes by the name in here, not by the one that the tunnel was asked for.
        """
        asked = f"CONNECT {destination}"
        wanted = ("",) if destination.address is not None else (destination.host,)
        try:
            with anyio.fail_after(_HELLO_SECONDS):
                for _ in range(_HELLO_PIECES):
                    name = server_name(came)
                    if name is not None:
                        if name.lower() in wanted:
                            return came
                        asked += f" (TLS to {name})"
                        raise NotAHello("its TLS names another host" if name else "its TLS names no host")
                    data = await inside.reader.read(HELLO_BYTES - len(came))
                    if not data:
                        return None
                    came += data
            raise NotAHello("its first TLS message comes in too many pieces")
        except TimeoutError:
            return None
        except NotAHello as error:
            await record_denial(self._door, surface="egress", target=asked, why=str(error))
            return None

    async def _record(self, asked: str, verdict: str) -> int | None:
        door = self._door
        try:
            return await door.write(lambda tx: audit.record(
                tx, run_id=door.run_id, credential_id="-", action="egress", target=asked, verdict=verdict
            ))
        except SQLAlchemyError as error:
            log.error("egress_not_recorded", sandbox=door.sandbox_id, error=type(error).__name__)
            return None

    async def _conclude(self, row_id: int, verdict: str) -> None:
        try:
            await self._door.write(lambda tx: audit.conclude(tx, row_id, verdict))
        except SQLAlchemyError as error:
            log.error("egress_not_recorded", sandbox=self._door.sandbox_id, error=type(error).__name__)


def _entries(door: Door) -> tuple[Entry, ...]:
    entries = []
    for text in door.assignment.door.connect:
        try:
            entries.append(parse_entry(text))
        except NotADestination as error:
            # A profile that an earlier version froze: what this one cannot read permits nothing.
            log.error("egress_entry_unread", sandbox=door.sandbox_id, entry=text[:100], error=str(error))
    return tuple(entries)


async def _say(connection: h11.Connection, inside: Streams, status: int, phrase: str, text: str) -> None:
    """Answer with plain text and hang up; what the client still sends is read, so that it gets to see the answer."""
    body = text.encode()
    answer = h11.Response(status_code=status, reason=phrase.encode(), headers=[
        ("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body))), ("Connection", "close"),
    ])
    if connection.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
        return
    with anyio.move_on_after(_LINGER_SECONDS):
        inside.writer.write((connection.send(answer) or b"") + (connection.send(h11.Data(data=body)) or b""))
        await inside.writer.drain()
        inside.writer.write_eof()
        left = _LINGER_BYTES
        while left > 0 and (data := await inside.reader.read(READ_AHEAD_BYTES)):
            left -= len(data)
