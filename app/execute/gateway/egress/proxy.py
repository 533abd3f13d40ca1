"""The way out through the operator's own HTTP proxy: one CONNECT, with exactly the host and port that was decided on."""

from __future__ import annotations

import asyncio
import base64
import ssl
from typing import Any, NamedTuple
from urllib.parse import unquote

import h11
import httpx

from app.core.sandbox.destination import Destination
from app.execute.gateway.egress.streams import READ_AHEAD_BYTES, Streams
from app.execute.gateway.transport import proxy_address, trusted
from app.settings import Settings

_HEAD_BYTES = 16 * 1024


class Proxy(NamedTuple):
    """An `http://` or `https://` proxy; `authorization` is the value of Proxy-Authorization, or empty."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    authorization: str

    def __repr__(self) -> str:
        return f"Proxy({self.host}:{self.port})"

    async def connect(self, destination: Destination) -> Streams:
        """Return a tunnel. Raises OSError (ConnectionRefusedError: the proxy said no).

        https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6
        """
        reader, writer = await asyncio.open_connection(self.host, self.port, ssl=self.tls, limit=READ_AHEAD_BYTES)
        try:
            authority = str(destination)
            headers = [("Host", authority)]
            if self.authorization:
                headers.append(("Proxy-Authorization", self.authorization))
            client = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
            said = client.send(h11.Request(method="CONNECT", target=authority, headers=headers)) or b""
            writer.write(said + (client.send(h11.EndOfMessage()) or b""))
            await writer.drain()
            answer = await _answer(client, reader)
            if not 200 <= answer.status_code < 300:
                raise ConnectionRefusedError("the proxy refused the tunnel")
            # A server that speaks first may have done so in the proxy's last segment.
            return Streams(reader, writer, bytes(client.trailing_data[0]))
        except BaseException:
            writer.transport.abort()
            raise


async def _answer(client: h11.Connection, reader: asyncio.StreamReader) -> h11.Response:
    try:
        while True:
            event: Any = client.next_event()
            if event is h11.NEED_DATA:
                data = await reader.read(_HEAD_BYTES)
                if not data:
                    raise ConnectionResetError("the proxy hung up")
                client.receive_data(data)
            elif isinstance(event, h11.Response):
                return event
    except h11.RemoteProtocolError as error:
        raise ConnectionResetError("the proxy does not speak HTTP") from error


def proxy_of(settings: Settings) -> Proxy | None:
    """Return the proxy that the settings name. Raises ConfigurationError."""
    address = proxy_address(settings)
    if address is None:
        return None
    url = httpx.URL(address)
    secure = url.scheme == "https"
    word = f"{unquote(url.username)}:{unquote(url.password)}" if url.userinfo else ""
    authorization = "Basic " + base64.b64encode(word.encode()).decode() if word else ""
    return Proxy(url.host, url.port or (443 if secure else 80), trusted(settings) if secure else None, authorization)
