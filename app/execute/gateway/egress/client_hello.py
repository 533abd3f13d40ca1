"""Which host the first message of a TLS connection names, read out of what may be less than the whole of it. Pure.

https://www.rfc-editor.org/rfc/rfc8446#section-4.1.2 (ClientHello), https://www.rfc-editor.org/rfc/rfc6066#section-3 (server_name)
"""

from __future__ import annotations

HELLO_BYTES = 16 * 1024

_HANDSHAKE = 22
_CLIENT_HELLO = 1
_SERVER_NAME = 0
_HOST_NAME = 0


class NotAHello(ValueError):
    """These bytes do not begin a TLS connection; the message says what is wrong."""


class _Short(Exception):
    pass


def server_name(data: bytes) -> str | None:
    """Return the name in a ClientHello, empty where it names none, or None while the message is not whole.

    A message may come in several records. Raises NotAHello, also for one beyond 16 KiB.
    """
    try:
        return _name(_Reader(_Reader(_handshake(data)).block(3)))
    except _Short:
        if len(data) >= HELLO_BYTES:
            raise NotAHello("its first TLS message is too long") from None
        return None


def _handshake(data: bytes) -> bytes:
    """Return the handshake message from its length on, joined from the records that are there."""
    joined = b""
    records = _Reader(data)
    while records.left:
        if records.number(1) != _HANDSHAKE:
            raise NotAHello("it does not begin with a TLS handshake")
        if records.left and records.number(1) != 3:
            raise NotAHello("it does not begin with a TLS handshake")
        records.take(1)
        size = records.number(2)
        if not size:
            raise NotAHello("it holds an empty TLS record")
        joined += records.up_to(size)
        if joined[:1] not in (b"", bytes([_CLIENT_HELLO])):
            raise NotAHello("its first TLS message is no ClientHello")
        if len(joined) >= 4 and len(joined) >= 4 + int.from_bytes(joined[1:4], "big"):
            break
    return joined[1:]


def _name(hello: _Reader) -> str:
    # The message is whole from here on: what is cut now is broken.
    try:
        hello.take(2 + 32)
        hello.block(1)
        hello.block(2)
        hello.block(1)
        found: list[bytes] = []
        extensions = _Reader(hello.block(2) if hello.left else b"")
        while extensions.left:
            kind, body = extensions.number(2), extensions.block(2)
            if kind == _SERVER_NAME:
                names = _Reader(_Reader(body).block(2))
                while names.left:
                    name_kind, name = names.number(1), names.block(2)
                    if name_kind != _HOST_NAME:
                        raise NotAHello("it names a server in an unknown way")
                    found.append(name)
    except _Short:
        raise NotAHello("its ClientHello is broken") from None
    if len(found) > 1:
        raise NotAHello("it names more than one server")
    try:
        return found[0].decode("ascii") if found else ""
    except UnicodeDecodeError:
        raise NotAHello("the server's name is not plain ASCII") from None


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise _Short
        return self.up_to(size)

    def up_to(self, size: int) -> bytes:
        taken = self._data[self._at:self._at + size]
        self._at += len(taken)
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def block(self, length_size: int) -> bytes:
        return self.take(self.number(length_size))
