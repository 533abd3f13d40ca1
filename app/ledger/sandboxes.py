"""Sandboxes on file: what each was asked to do, how to attach to it again, how it ended."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import NamedTuple

from sqlalchemy import Connection, insert, select, update

from app.core.assignment import Assignment, Role, SandboxEnd
from app.ledger.database import now_ms
from app.ledger.tables import runs, sandboxes, step_marks
from app.ports import Handle


class SandboxRow(NamedTuple):
    """One sandbox; `end` is None while nothing is known of its end."""

    id: str
    run_id: str
    host: str
    role: Role
    agent: str
    backend: str
    assignment: Assignment
    handle: Handle | None
    state: str
    end: SandboxEnd | None
    created_at_ms: int
    deadline_at_ms: int


def create(
    tx: Connection, *, sandbox_id: str, host: str, agent: str, backend: str, assignment: Assignment,
    ttl_seconds: float,
) -> None:
    """Put a sandbox on file before it exists; a second call for the same id changes nothing."""
    if load(tx, sandbox_id) is not None:
        return
    tx.execute(
        insert(sandboxes).values(
            id=sandbox_id, run_id=assignment.run_id, host=host, role=assignment.role, agent=agent, backend=backend,
            assignment=assignment.model_dump_json(), state="opening", created_at_ms=now_ms(),
            deadline_at_ms=now_ms() + int(ttl_seconds * 1000),
        )
    )
    tx.execute(insert(step_marks).values(sandbox_id=sandbox_id, next_line=0))


def load(tx: Connection, sandbox_id: str) -> SandboxRow | None:
    """Return the sandbox, or None."""
    found = _select(tx, sandboxes.c.id == sandbox_id)
    return found[0] if found else None


def of_run(tx: Connection, run_id: str) -> list[SandboxRow]:
    """Return the run's sandboxes, oldest first."""
    return _select(tx, sandboxes.c.run_id == run_id)


def on_host(tx: Connection, host: str, states: tuple[str, ...]) -> list[SandboxRow]:
    """Return a host's sandboxes in `states`, oldest first."""
    return _select(tx, (sandboxes.c.host == host) & sandboxes.c.state.in_(states))


def left_over(tx: Connection, host: str) -> list[SandboxRow]:
    """Return a host's sandboxes that are not destroyed although their run is done."""
    is_done = select(runs.c.id).where(runs.c.state == "done")
    return _select(tx, (sandboxes.c.host == host) & (sandboxes.c.state != "destroyed") & sandboxes.c.run_id.in_(is_done))


def opened(tx: Connection, sandbox_id: str, handle: Handle) -> None:
    """Keep the handle of a sandbox that was started; one that has ended meanwhile stays ended.

    Its time counts from here: what building its tooling or pulling its image took is not the agent's.
    """
    tx.execute(update(sandboxes).where(sandboxes.c.id == sandbox_id).values(handle=json.dumps(handle)))
    tx.execute(
        update(sandboxes)
        .where(sandboxes.c.id == sandbox_id, sandboxes.c.state == "opening")
        .values(state="open", deadline_at_ms=now_ms() + sandboxes.c.deadline_at_ms - sandboxes.c.created_at_ms)
    )


def claim_door(tx: Connection, sandbox_id: str) -> str | None:
    """Give out the resume key of a sandbox, once: None for every call after the first. Only its hash is kept."""
    key = secrets.token_urlsafe(32)
    digest = hashlib.sha256(key.encode()).hexdigest()
    claimed = tx.execute(
        update(sandboxes)
        .where(
            sandboxes.c.id == sandbox_id,
            sandboxes.c.resume_key_sha256.is_(None),
            sandboxes.c.state.in_(("opening", "open")),
        )
        .values(resume_key_sha256=digest)
    )
    return key if claimed.rowcount == 1 else None


def is_claimed(tx: Connection, sandbox_id: str) -> bool:
    """Return whether a runner has claimed this sandbox's door: from then on its agent may have begun."""
    found = tx.execute(select(sandboxes.c.resume_key_sha256).where(sandboxes.c.id == sandbox_id)).scalar_one_or_none()
    return found is not None


def holds_key(tx: Connection, sandbox_id: str, key: str) -> bool:
    """Return whether `key` is the resume key of this sandbox."""
    known = tx.execute(select(sandboxes.c.resume_key_sha256).where(sandboxes.c.id == sandbox_id)).scalar_one_or_none()
    return known is not None and secrets.compare_digest(known, hashlib.sha256(key.encode()).hexdigest())


def ended(tx: Connection, sandbox_id: str, end: SandboxEnd) -> bool:
    """Record the end of a sandbox; False if one is on record (the first word stands)."""
    changed = tx.execute(
        update(sandboxes)
        .where(sandboxes.c.id == sandbox_id, sandboxes.c.end.is_(None))
        .values(state="ended", end=end.model_dump_json(), ended_at_ms=now_ms())
    )
    return changed.rowcount == 1


def destroyed(tx: Connection, sandbox_id: str) -> None:
    """Note that no trace of it is left on its host."""
    tx.execute(update(sandboxes).where(sandboxes.c.id == sandbox_id).values(state="destroyed"))


def _select(tx: Connection, where: object) -> list[SandboxRow]:
    rows = tx.execute(select(sandboxes).where(where).order_by(sandboxes.c.created_at_ms, sandboxes.c.id))  # type: ignore[arg-type]
    return [
        SandboxRow(
            row.id, row.run_id, row.host, row.role, row.agent, row.backend,
            Assignment.model_validate_json(row.assignment),
            None if row.handle is None else json.loads(row.handle),
            row.state,
            None if row.end is None else SandboxEnd.model_validate_json(row.end),
            row.created_at_ms, row.deadline_at_ms,
        )
        for row in rows
    ]
