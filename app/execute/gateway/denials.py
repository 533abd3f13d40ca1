"""What a sandbox asked for at its door and did not get: a step that people see, and a row of the audit."""

from __future__ import annotations

import re
from collections.abc import Callable

import anyio
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from app.core.step import Step
from app.execute.gateway.door import Door
from app.ledger import audit, steps

log = structlog.get_logger()

# Of one sandbox, so many different denials are on record one by one; the rest are counted.
RECORDED_DENIALS = 50
_TARGET_CHARS = 200
_VERDICT_CHARS = 64
_NOT_SHOWN = re.compile(r"[^\x20-\x7e]")


async def record_denial(door: Door, *, surface: str, target: str, why: str) -> None:
    """Put one denial on record, once for each `surface`, `target` and `why`, and no more than fifty of a sandbox.

    `surface` is the part of the door (`egress`, `registry`, `git`), `target` what was asked for, as the sandbox said it,
    `why` Bellhop's own words, best below 55 characters. Raises nothing: the sandbox is refused whether or not it is on record.
    """
    asked = shown(target)
    key = (surface, asked, why)
    if key in door.denied or len(door.denied) >= RECORDED_DENIALS:
        door.denied_more += 1
        return
    door.denied.add(key)
    step = Step(kind="denied", text=f"{asked}: {why}", data={"stream": "gateway", "surface": surface, "target": asked, "why": why})

    def act(tx: Connection) -> None:
        steps.append(tx, door.run_id, door.sandbox_id, [step])
        audit.record(tx, run_id=door.run_id, credential_id="-", action=surface, target=asked,
                     verdict=f"refused: {why}"[:_VERDICT_CHARS])

    await _write(door, act)


async def record_uncounted(door: Door) -> None:
    """Put the number of denials on record that were only counted, if there are any; called before a door's end."""
    more, door.denied_more = door.denied_more, 0
    if more:
        step = Step(kind="denied", text=f"{more} more requests were denied: repeated ones, and those beyond the first "
                    f"{RECORDED_DENIALS}", data={"stream": "gateway", "more": more})
        await _write(door, lambda tx: steps.append(tx, door.run_id, door.sandbox_id, [step]))


def shown(target: str) -> str:
    """Return what a sandbox said in printable ASCII, the rest of it escaped, and no longer than two hundred characters."""
    # Cut first: an escape takes up to ten characters.
    escaped = _NOT_SHOWN.sub(lambda found: found[0].encode("unicode_escape", "backslashreplace").decode(), target[:_TARGET_CHARS])
    return escaped if len(escaped) <= _TARGET_CHARS and len(target) <= _TARGET_CHARS else escaped[: _TARGET_CHARS - 3] + "..."


async def _write(door: Door, act: Callable[[Connection], None]) -> None:
    try:
        # What was asked for must be on record also when whoever asked is gone already.
        with anyio.CancelScope(shield=True):
            await door.write(act)
    except SQLAlchemyError as error:
        # Not the error's text: that is the statement, with the sandbox's words in it.
        log.error("denial_not_recorded", sandbox=door.sandbox_id, error=type(error).__name__)
