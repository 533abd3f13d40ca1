"""Socket Mode: the App's open WebSockets, the envelopes that go down them, and what acknowledges them.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

from __future__ import annotations

import secrets
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from app.emulators.slack.state import Json

MOST_CONNECTIONS = 10


@dataclass(eq=False)
class Connection:
    """One WebSocket; `post` puts a message into its queue, from any thread. One that was told to go gets no more envelopes."""

    id: str
    post: Callable[[Json], None]
    leaving: bool = False


@dataclass(eq=False)
class _Waiting:
    connection: Connection
    over: threading.Event = field(default_factory=threading.Event)
    acknowledged: bool = False
    payload: Json | None = None


class Sockets:
    """The open connections; its own lock, because deliveries wait here without the world's."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tickets: set[str] = set()
        self._open: list[Connection] = []
        self._waiting: dict[str, _Waiting] = {}

    def ticket(self) -> str:
        """Return what opens one connection, once."""
        with self._changed:
            ticket = secrets.token_hex(16)
            self._tickets.add(ticket)
            return ticket

    def join(self, ticket: str, post: Callable[[Json], None]) -> Connection | None:
        """Take a new connection; None for a ticket that is unknown or used."""
        with self._changed:
            if ticket not in self._tickets:
                return None
            self._tickets.remove(ticket)
            connection = Connection(secrets.token_hex(4), post)
            if len(self._open) >= MOST_CONNECTIONS:
                self._tell(connection, "too_many_websockets")
            self._open.append(connection)
            self._changed.notify_all()
            return connection

    def leave(self, connection: Connection) -> None:
        """Forget a connection that is closed; what it has not acknowledged is lost on it."""
        with self._changed:
            self._open.remove(connection)
            for one in self._waiting.values():
                if one.connection is connection:
                    one.over.set()
            self._changed.notify_all()

    @property
    def count(self) -> int:
        """How many connections take envelopes now."""
        with self._changed:
            return sum(not one.leaving for one in self._open)

    def wait(self, connections: int = 1, timeout_seconds: float = 10.0) -> None:
        """Return once so many connections take envelopes. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: sum(not one.leaving for one in self._open) == connections, timeout_seconds):
                raise TimeoutError(f"{len(self._open)} Socket Mode connections are open, not {connections}")

    def deliver(self, kind: str, payload: Json, retry: tuple[int, str], deadline_seconds: float) -> tuple[str, Json | None]:
        """Send one envelope and wait until it is acknowledged; return Slack's word for how that went, and the answer's payload.

        The word is `OK`, `http_timeout`, or `connection_failed` where no connection takes it.
        """
        number, reason = retry
        envelope: Json = {"envelope_id": str(uuid.uuid4()), "payload": payload, "type": kind, "accepts_response_payload": kind != "events_api"}
        if kind == "events_api":
            envelope |= {"retry_attempt": number, "retry_reason": reason}
        with self._changed:
            takers = [one for one in self._open if not one.leaving]
            if not takers:
                return "connection_failed", None
            # In turn, so that with several connections none of them gets all.
            self._open.remove(takers[0])
            self._open.append(takers[0])
            waiting = self._waiting[envelope["envelope_id"]] = _Waiting(takers[0])
            takers[0].post(envelope)
        waiting.over.wait(deadline_seconds)
        with self._changed:
            del self._waiting[envelope["envelope_id"]]
        return ("OK" if waiting.acknowledged else "http_timeout"), waiting.payload

    def acknowledge(self, envelope_id: str, payload: Json | None) -> None:
        """Take what a client answers; what nobody waits for any more is dropped."""
        with self._changed:
            waiting = self._waiting.get(envelope_id)
            if waiting is not None:
                waiting.acknowledged, waiting.payload = True, payload
                waiting.over.set()

    def disconnect(self, reason: str) -> None:
        """Tell every connection to go and open another: `warning`, `refresh_requested` or `link_disabled`."""
        with self._changed:
            for one in self._open:
                self._tell(one, reason)

    @staticmethod
    def _tell(connection: Connection, reason: str) -> None:
        connection.leaving = reason != "warning"
        connection.post({"type": "disconnect", "reason": reason, "debug_info": {"host": f"applink-{connection.id}"}})
