"""What the emulator answers: an HTTP answer in pieces and how it ends, or the reason why there is none."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

JSON = "application/json"
SSE = "text/event-stream; charset=utf-8"
_PIECE_BYTES = 64

# `hang` gives no more until the client hangs up; with no pieces and status 0 not even headers come.
Ending = Literal["complete", "drop", "hang"]


class Answer(NamedTuple):
    """Bytes to send, piece by piece, `drip_seconds` apart."""

    status: int
    content_type: str
    pieces: tuple[bytes, ...]
    headers: tuple[tuple[str, str], ...] = ()
    ending: Ending = "complete"
    drip_seconds: float = 0.0

    def cut(self, ending: Ending, after_events: int) -> Answer:
        """Return the answer broken off: a stream after so many events, another after half."""
        kept = after_events if self.content_type == SSE else len(self.pieces) // 2
        return self._replace(pieces=self.pieces[:kept], ending=ending)


class Miss(NamedTuple):
    """There is nothing to answer with: the script or the record does not hold this request."""

    status: int
    message: str


SILENCE = Answer(0, "", (), ending="hang")


def document(body: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Return a JSON answer."""
    data = json.dumps(body, ensure_ascii=False).encode()
    return Answer(
        status, JSON, tuple(data[at:at + _PIECE_BYTES] for at in range(0, len(data), _PIECE_BYTES)), headers
    )


def stream(events: Iterable[tuple[str, Any]]) -> Answer:
    """Return a stream of server-sent events; an event without a name is data only, a string is sent as it is."""
    return Answer(200, SSE, tuple(_event(name, data) for name, data in events))


def _event(name: str, data: Any) -> bytes:
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()
