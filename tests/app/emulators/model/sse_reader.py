"""A strict reader of server-sent events: it accepts what the standard calls a complete stream and nothing else.

https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

from typing import NamedTuple


class ServerEvent(NamedTuple):
    """One dispatched event; `name` is empty where the stream gives none."""

    name: str
    data: str


def read(stream: bytes) -> list[ServerEvent]:
    """Return the events; a line that is neither event nor data, or an event without its blank line, is an error."""
    assert stream.endswith(b"\n\n"), stream[-80:]
    events = []
    for block in stream.decode("utf-8", errors="strict")[:-2].split("\n\n"):
        lines = block.split("\n")
        names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
        data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
        assert len(names) <= 1, block
        assert len(data) == 1, block
        assert len(lines) == len(names) + 1, block
        assert lines[-1].startswith("data: "), block
        events.append(ServerEvent(names[0] if names else "", data[0]))
    return events
