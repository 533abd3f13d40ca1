"""The loopback listeners: bytes between TCP on 127.0.0.1 and the door's unix sockets, in one thread.

One thread, because an agent that eats the sandbox's process limit must not take the model API away from others.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time

CONNECTION_LIMIT = 128
BUFFER_BYTES = 256 * 1024
READ_BYTES = 64 * 1024
CONNECT_PATIENCE_SECONDS = 30.0
CONNECT_PAUSE_SECONDS = 0.1


class _End:
    """One side of a connection: its socket, and the bytes that wait to be sent on it."""

    def __init__(self, sock: socket.socket, pair: _Pair) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.pair = pair
        self.to_send = bytearray()
        self.read_closed = False
        self.write_closed = False


class _Listener:
    """One port, the socket that it leads to, and the connections that it has taken: each port has its own bound."""

    def __init__(self, port: int, door_socket: str) -> None:
        self.sock = socket.create_server(("127.0.0.1", port), backlog=CONNECTION_LIMIT)
        self.sock.setblocking(False)
        self.door_socket = door_socket
        self.taken = 0


class _Pair:
    """A client and, once the door is reached, its other side."""

    def __init__(self, client: socket.socket, listener: _Listener) -> None:
        self.listener = listener
        self.client = _End(client, self)
        self.door: _End | None = None
        self.give_up_at = time.monotonic() + CONNECT_PATIENCE_SECONDS

    def other(self, end: _End) -> _End | None:
        return self.door if end is self.client else self.client

    @property
    def ends(self) -> list[_End]:
        return [end for end in (self.client, self.door) if end is not None]

    @property
    def finished(self) -> bool:
        return self.door is not None and all(end.write_closed for end in self.ends)


class Forwarder:
    """Serves until the process ends. A client that comes while the door is away waits for it."""

    def __init__(self, *ways: tuple[int, str]) -> None:
        """Listen; each way is a port (0 takes a free one) and the door's socket that it leads to.

        Raises OSError when a port is taken.
        """
        self._selector = selectors.DefaultSelector()
        self._listeners = [_Listener(port, door_socket) for port, door_socket in ways]
        self._pairs: set[_Pair] = set()
        self.ports: tuple[int, ...] = tuple(listener.sock.getsockname()[1] for listener in self._listeners)

    def start(self) -> None:
        """Serve in a background thread."""
        threading.Thread(target=self._serve, name="forwarder", daemon=True).start()

    def _serve(self) -> None:
        while True:
            for listener in self._listeners:
                self._listen(listener)
            unconnected = [pair for pair in self._pairs if pair.door is None]
            for key, events in self._selector.select(CONNECT_PAUSE_SECONDS if unconnected else None):
                if isinstance(key.data, _Listener):
                    self._accept(key.data)
                elif key.data.pair in self._pairs:
                    self._move(key.data, events)
            for pair in [pair for pair in self._pairs if pair.door is None]:
                self._connect(pair)

    def _listen(self, listener: _Listener) -> None:
        wanted = listener.taken < CONNECTION_LIMIT
        listening = listener.sock in self._selector.get_map()
        if wanted and not listening:
            self._selector.register(listener.sock, selectors.EVENT_READ, listener)
        elif listening and not wanted:
            self._selector.unregister(listener.sock)

    def _accept(self, listener: _Listener) -> None:
        try:
            client, _ = listener.sock.accept()
        except OSError:
            return
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.taken += 1
        self._pairs.add(_Pair(client, listener))

    def _connect(self, pair: _Pair) -> None:
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Connecting a unix socket is done at once or not at all; it waits only for a full backlog.
        door.settimeout(CONNECT_PAUSE_SECONDS)
        try:
            door.connect(pair.listener.door_socket)
        except OSError:
            door.close()
            if time.monotonic() > pair.give_up_at:
                self._close(pair)
            return
        pair.door = _End(door, pair)
        for end in pair.ends:
            self._watch(end)

    def _move(self, end: _End, events: int) -> None:
        other = end.pair.other(end)
        if other is None:
            return
        try:
            if events & selectors.EVENT_READ:
                self._read(end, other)
            if events & selectors.EVENT_WRITE:
                self._send(end)
            for source, sink in ((end, other), (other, end)):
                # What one side has ended is ended on the other once all its bytes are there: a half-close.
                if source.read_closed and not sink.to_send and not sink.write_closed:
                    sink.sock.shutdown(socket.SHUT_WR)
                    sink.write_closed = True
        except OSError:
            self._close(end.pair)
            return
        if end.pair.finished:
            self._close(end.pair)
            return
        for each in end.pair.ends:
            self._watch(each)

    def _read(self, end: _End, other: _End) -> None:
        try:
            chunk = end.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        if chunk:
            other.to_send += chunk
            self._send(other)
        else:
            end.read_closed = True

    def _send(self, end: _End) -> None:
        if end.to_send:
            try:
                del end.to_send[: end.sock.send(end.to_send)]
            except BlockingIOError:
                return

    def _watch(self, end: _End) -> None:
        other = end.pair.other(end)
        events = 0
        if not end.read_closed and (other is None or len(other.to_send) < BUFFER_BYTES):
            events |= selectors.EVENT_READ
        if end.to_send:
            events |= selectors.EVENT_WRITE
        watched = self._selector.get_map().get(end.sock)
        if watched is None:
            if events:
                self._selector.register(end.sock, events, end)
        elif not events:
            self._selector.unregister(end.sock)
        elif watched.events != events:
            self._selector.modify(end.sock, events, end)

    def _close(self, pair: _Pair) -> None:
        if pair in self._pairs:
            self._pairs.remove(pair)
            pair.listener.taken -= 1
        for end in pair.ends:
            if end.sock in self._selector.get_map():
                self._selector.unregister(end.sock)
            end.sock.close()
