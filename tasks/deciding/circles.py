"""Whether a conversation goes round in circles, by the runs that it has had."""

from __future__ import annotations

from sqlalchemy import Connection

from app.core.deciding.breaker import MOST_WITH_WORDS, Loop, began, can_loop, loop_in
from app.core.event import Event
from app.ledger import runs
from app.ledger.database import clock_ms


def loop_of(tx: Connection, event: Event, bot_login: str) -> Loop | None:
    """Return the loop that the event may be the next turn of, or None."""
    if not can_loop(event):
        return None
    lately = runs.newest_of_case(tx, event.thread, event.repo.id, MOST_WITH_WORDS + 1)
    return loop_in([began(run.id, run.created_at_ms, run.event, bot_login) for run in lately], clock_ms(tx))
