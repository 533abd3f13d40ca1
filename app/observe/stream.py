"""Live transcripts: server-sent events, tailed from the ledger, so that any web process can serve any run.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from app.ledger import pulse, steps
from app.ledger.database import Database, clock_ms
from app.ledger.pulse import Pulse
from app.ledger.steps import StepRow
from app.observe import views
from app.observe.facts import now_of
from app.observe.text import cut

log = structlog.get_logger()

# How soon a new step is seen, and how often a silent stream shows that it lives.
POLL_SECONDS = 0.25
KEEPALIVE_SECONDS = 15.0

BATCH_STEPS = 200

# What a page shows of one step; the API has it whole.
STEP_CHARS = 8_000


class _Look(NamedTuple):
    frames: str
    after: int
    pulse: Pulse | None
    more: bool
    over: bool


async def follow(
    database: Database, run_id: str, after: int, *, web_url: str, stopping: threading.Event | None = None,
    poll_seconds: float = POLL_SECONDS, keepalive_seconds: float = KEEPALIVE_SECONDS,
) -> AsyncGenerator[str, None]:
    """Yield the run's steps after `after` as they come, `now` whenever anything else changes, and `done` at the end.

    Ends without `done` once `stopping` is set or the database does not answer: a browser then asks again.
    """
    known: Pulse | None = None
    silent_seconds = 0.0
    while stopping is None or not stopping.is_set():
        try:
            found = await run_in_threadpool(_look, database, run_id, after, known, web_url)
        except SQLAlchemyError as error:
            log.warning("stream_cut", run_id=run_id, error=type(error).__name__)
            return
        after, known = found.after, found.pulse
        if found.frames:
            yield found.frames
        if found.over:
            return
        if found.more:
            continue
        silent_seconds = 0.0 if found.frames else silent_seconds + poll_seconds
        if silent_seconds >= keepalive_seconds:
            silent_seconds = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(poll_seconds)


def _look(database: Database, run_id: str, after: int, known: Pulse | None, web_url: str) -> _Look:
    with database.read() as tx:
        now = pulse.of_run(tx, run_id)
        if now is None:
            return _Look(_frame("done", {}), after, now, more=False, over=True)
        if now == known and now.last_step <= after:
            return _Look("", after, now, more=False, over=False)
        rows = steps.after(tx, run_id, after, BATCH_STEPS) if now.last_step > after else []
        changed = known is None or now._replace(last_step=0) != known._replace(last_step=0)
        view = views.view(tx, run_id) if changed else None
        now_ms = clock_ms(tx)
    frames = [_frame("step", step_shown(row), row.sequence) for row in rows]
    if view is not None:
        frames.append(_frame("now", now_of(view, web_url, now_ms)))
    after = rows[-1].sequence if rows else after
    more = now.last_step > after
    over = now.state == "done" and not more
    if over:
        frames.append(_frame("done", {}))
    return _Look("".join(frames), after, now, more, over)


def step_shown(row: StepRow) -> dict[str, Any]:
    """Return one step as a page shows it: printable text, cut where it is very long."""
    role = views.role_of(row)
    name = views.shown_kind(row).replace("_", " ")
    return {"sequence": row.sequence, "kind": row.step.kind, "role": role, "name": name, "text": cut(row.step.text, STEP_CHARS)}


def _frame(event: str, data: object, number: int | None = None) -> str:
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {event}\ndata: {json.dumps(data)}\n\n"
