"""Runs: created once, advanced under a lease, ended with exactly one outcome."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, case, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from app.core.event import Event
from app.core.outcome import OUTCOME, Outcome
from app.core.profile import Profile
from app.core.run import Run, RunState, new_id
from app.errors import LeaseLost
from app.ledger import tickets
from app.ledger.conversation import hold_still
from app.ledger.database import now_ms
from app.ledger.tables import hosts, runs, stages, threads

_PAGE = 200

# From this mark on a branch may stand outside, so the run goes on to its pull request, whoever says stop.
PUSHING = "pushing"

# By a sandbox's role: the state in which a run waits for its end, and the one that follows. After a setup a run goes on where it was.
_AFTER: dict[str, tuple[RunState, RunState]] = {
    "work": ("running", "collecting"), "verify": ("verifying", "publishing"),
    "setup": ("preparing", "starting"), "setup-verify": ("preparing", "collecting"),
}


class Lease(NamedTuple):
    """The right to advance one run until it expires; `epoch` fences every write made under it."""

    run_id: str
    epoch: int
    owner: str


def case_of(tx: Connection, thread: str) -> str:
    """Return the case that a thread is about, opening one for a new thread."""
    known = tx.execute(select(threads.c.case_id).where(threads.c.thread == thread)).scalar_one_or_none()
    if known is not None:
        return str(known)
    case_id = new_id(8)
    tx.execute(insert(threads).values(thread=thread, case_id=case_id))
    return case_id


def alias(tx: Connection, thread: str, case_id: str) -> None:
    """Make a thread one of the case's, unless it is some case's already."""
    try:
        with tx.begin_nested():
            tx.execute(insert(threads).values(thread=thread, case_id=case_id))
    except IntegrityError:
        return


def newest_number(tx: Connection, case_id: str, start: str) -> int | None:
    """Return the highest number of the case's threads that are `start` and a number and no pull request of its runs', or None."""
    names = tx.execute(select(threads.c.thread).where(threads.c.case_id == case_id)).scalars()
    numbers = {int(name.removeprefix(start)) for name in names if name.startswith(start) and name.removeprefix(start).isdecimal()}
    ended = tx.execute(select(runs.c.outcome).where(runs.c.case_id == case_id, runs.c.outcome.is_not(None))).scalars()
    pulls = {getattr(OUTCOME.validate_json(outcome), "number", None) for outcome in ended}
    return max(numbers - pulls, default=None)


def create(
    tx: Connection, event: Event, profile: Profile, host: str | None, run_id: str | None = None, parent_id: str | None = None
) -> str | None:
    """Save a queued run for the event's thread and return its id; None if the thread has a live run.

    `run_id` is for a ledger that repeats what another one holds; `parent_id` is the run that it follows up.
    """
    run_id = run_id or new_id()
    # Its case may just be joined with another (app/ledger/cases.py).
    hold_still(tx, event.thread)
    try:
        with tx.begin_nested():
            tx.execute(
                insert(runs).values(
                    id=run_id, case_id=case_of(tx, event.thread), thread=event.thread,
                    event=event.model_dump_json(), profile=profile.model_dump_json(by_alias=True), host=host,
                    state="queued", epoch=0, attempts=0, lease_until_ms=0, next_at_ms=0, cancel_requested=False, parent_id=parent_id,
                    created_at_ms=now_ms(), updated_at_ms=now_ms(),
                )
            )
    except IntegrityError:
        return None
    tickets.note(tx, run_id, event, profile)
    mark(tx, run_id, "queued")
    return run_id


def _noun(row: Row[Any]) -> Run:
    return Run(
        id=row.id, case_id=row.case_id, thread=row.thread, event=Event.model_validate_json(row.event),
        profile=Profile.model_validate_json(row.profile), host=row.host, state=row.state, epoch=row.epoch,
        attempts=row.attempts, base_commit=row.base_commit, backend=row.backend, isolation=row.isolation,
        outcome=None if row.outcome is None else OUTCOME.validate_json(row.outcome),
        cancel_requested=row.cancel_requested, stopped_by=row.stopped_by or "", parent_id=row.parent_id, created_at_ms=row.created_at_ms, updated_at_ms=row.updated_at_ms,
    )


def load(tx: Connection, run_id: str) -> Run | None:
    """Return the run, or None."""
    row = tx.execute(select(runs).where(runs.c.id == run_id)).one_or_none()
    return None if row is None else _noun(row)


def load_still(tx: Connection, run_id: str) -> Run | None:
    """Return the run, or None; until this transaction ends, nobody else changes it."""
    tx.execute(select(runs.c.id).where(runs.c.id == run_id).with_for_update())
    return load(tx, run_id)


def live_in_thread(tx: Connection, thread: str) -> Run | None:
    """Return the live run of the thread, or of another thread about the same case; None if there is none."""
    case_id = select(threads.c.case_id).where(threads.c.thread == thread).scalar_subquery()
    row = tx.execute(
        select(runs)
        .where(or_(runs.c.thread == thread, runs.c.case_id == case_id), runs.c.state != "done")
        .order_by(runs.c.thread != thread, runs.c.created_at_ms).limit(1)
    ).one_or_none()
    return None if row is None else _noun(row)


def over_among(tx: Connection, run_ids: Collection[str]) -> set[str]:
    """Return which of these runs are over."""
    return set(tx.execute(select(runs.c.id).where(runs.c.id.in_(run_ids), runs.c.state == "done")).scalars())


def over_in_thread(tx: Connection, thread: str) -> list[Run]:
    """Return the runs that are over of the thread's case, newest first, at most fifty."""
    case_id = select(threads.c.case_id).where(threads.c.thread == thread).scalar_subquery()
    rows = tx.execute(
        select(runs).where(runs.c.case_id == case_id, runs.c.state == "done").order_by(runs.c.created_at_ms.desc(), runs.c.id).limit(50)
    )
    return [_noun(row) for row in rows]


def newest_of_case(tx: Connection, thread: str, repo_id: int, most: int) -> list[Run]:
    """Return runs of the thread's case and repository, live or over, newest first."""
    case_id = select(threads.c.case_id).where(threads.c.thread == thread).scalar_subquery()
    rows = tx.execute(select(runs).where(runs.c.case_id == case_id).order_by(runs.c.created_at_ms.desc(), runs.c.id).limit(most))
    return [run for run in map(_noun, rows) if run.event.repo.id == repo_id]


def before(tx: Connection, run: Run, most: int = 20) -> list[Run]:
    """Return the runs that a run follows up, each with the one before it, newest first."""
    found: list[Run] = []
    parent_id = run.parent_id
    while parent_id is not None and len(found) < most:
        parent = load(tx, parent_id)
        if parent is None:
            break
        found.append(parent)
        parent_id = parent.parent_id
    return found


def recent(tx: Connection, limit: int = 50, offset: int = 0) -> list[Run]:
    """Return runs, newest first."""
    rows = tx.execute(select(runs).order_by(runs.c.created_at_ms.desc(), runs.c.id).limit(limit).offset(offset))
    return [_noun(row) for row in rows]


def of_profile(tx: Connection, profile: str, limit: int, look_at: int = 2000) -> list[Run]:
    """Return runs of one profile, newest first, from among the newest `look_at` of all."""
    return among(tx, lambda run: run.profile.name == profile, limit, look_at=look_at)


def among(tx: Connection, wanted: Callable[[Run], bool], limit: int, offset: int = 0, look_at: int = 2000) -> list[Run]:
    """Return the wanted runs, newest first, without the first `offset` of them, from among the newest `look_at` of all."""
    found: list[Run] = []
    # What is looked at is inside documents that are not queried into.
    for start in range(0, look_at, _PAGE):
        page = recent(tx, _PAGE, start)
        found += [run for run in page if wanted(run)]
        if len(page) < _PAGE or len(found) >= offset + limit:
            break
    return found[offset : offset + limit]


def take(tx: Connection, run_id: str, owner: str, hold_seconds: float) -> Lease | None:
    """Take the lease of a live run whose lease is free and time has come; the epoch goes up by one. None: not to be had."""
    epoch = tx.execute(
        update(runs)
        .where(
            runs.c.id == run_id, runs.c.state != "done", runs.c.lease_until_ms <= now_ms(), runs.c.next_at_ms <= now_ms()
        )
        .values(epoch=runs.c.epoch + 1, lease_owner=owner, lease_until_ms=now_ms() + int(hold_seconds * 1000))
        .returning(runs.c.epoch)
    ).scalar_one_or_none()
    return None if epoch is None else Lease(run_id, epoch, owner)


def renew(tx: Connection, lease: Lease, hold_seconds: float) -> None:
    """Hold the lease for longer. Raises LeaseLost."""
    write(tx, lease, lease_until_ms=now_ms() + int(hold_seconds * 1000))


def write(tx: Connection, lease: Lease, **values: Any) -> None:
    """Change columns of the run under its fence. Raises LeaseLost when another has taken it over."""
    changed = tx.execute(
        update(runs)
        .where(runs.c.id == lease.run_id, runs.c.epoch == lease.epoch, runs.c.state != "done")
        .values(updated_at_ms=now_ms(), **values)
    )
    if changed.rowcount != 1:
        raise LeaseLost(f"run {lease.run_id} was taken over or ended while this worker held epoch {lease.epoch}")


def advance(tx: Connection, lease: Lease, state: RunState, **values: Any) -> None:
    """Move the run to its next state, mark the time and clear the attempts of the step before. Raises LeaseLost."""
    write(tx, lease, state=state, attempts=0, last_error=None, **values)
    mark(tx, lease.run_id, state)


def finish(tx: Connection, lease: Lease, outcome: Outcome) -> None:
    """End the run with its one outcome. Raises LeaseLost if it has one already or was taken over."""
    write(tx, lease, state="done", outcome=outcome.model_dump_json(), lease_until_ms=0)
    mark(tx, lease.run_id, "done")


def release(tx: Connection, lease: Lease, *, next_in_seconds: float = 0) -> None:
    """Give the lease back; the run is due again after `next_in_seconds`. A lost lease is no error here."""
    tx.execute(
        update(runs)
        .where(runs.c.id == lease.run_id, runs.c.epoch == lease.epoch)
        .values(lease_until_ms=0, next_at_ms=now_ms() + int(next_in_seconds * 1000))
    )


def step_done(tx: Connection, lease: Lease) -> None:
    """Give the lease back after a step that ended well: its attempts are forgotten. A lost lease is no error here."""
    release(tx, lease)
    tx.execute(
        update(runs).where(runs.c.id == lease.run_id, runs.c.epoch == lease.epoch).values(attempts=0, last_error=None)
    )


def step_waits(tx: Connection, lease: Lease, why: str, next_in_seconds: float) -> None:
    """Give the lease back before a step that was not tried: its attempts are those before it. Raises LeaseLost."""
    write(tx, lease, last_error=why[:1000], attempts=case((runs.c.attempts > 0, runs.c.attempts - 1), else_=0))
    release(tx, lease, next_in_seconds=next_in_seconds)


def step_failed(tx: Connection, lease: Lease, error: str, next_in_seconds: float) -> None:
    """Give the lease back after a step that failed and may succeed later. Raises LeaseLost."""
    write(tx, lease, last_error=error[:1000])
    release(tx, lease, next_in_seconds=next_in_seconds)


def last_error(tx: Connection, run_id: str) -> str | None:
    """Return what the last try at the present step failed with; None for a try that took its worker with it."""
    return tx.execute(select(runs.c.last_error).where(runs.c.id == run_id)).scalar_one_or_none()


def count_attempt(tx: Connection, lease: Lease) -> int:
    """Count one try at the present step, before it is made, and return the number. Raises LeaseLost."""
    write(tx, lease, attempts=runs.c.attempts + 1, last_error=None)
    return int(tx.execute(select(runs.c.attempts).where(runs.c.id == lease.run_id)).scalar_one())


def sandbox_ended(tx: Connection, run_id: str, role: str) -> bool:
    """Move a run on when the sandbox it waits for has ended; False if it waits for none such.

    The gateway and the sweeper call this without a lease: no worker acts on a run that only waits.
    """
    before, after = _AFTER[role]
    moved = tx.execute(
        update(runs)
        .where(runs.c.id == run_id, runs.c.state == before)
        .values(state=after, attempts=0, next_at_ms=0, updated_at_ms=now_ms())
    )
    if moved.rowcount == 1:
        mark(tx, run_id, after)
    return moved.rowcount == 1


def request_cancel(tx: Connection, run_id: str) -> bool:
    """Ask for a live run to be ended; False if it is not live."""
    changed = tx.execute(
        update(runs).where(runs.c.id == run_id, runs.c.state != "done").values(cancel_requested=True, next_at_ms=0)
    )
    if changed.rowcount == 1:
        mark(tx, run_id, "cancel")
    return changed.rowcount == 1


def request_stop(tx: Connection, run_id: str, who: str) -> bool:
    """Ask for a live run's agent to be ended, with its work kept; False if it is not live, or somebody has asked before."""
    changed = tx.execute(
        update(runs).where(runs.c.id == run_id, runs.c.state != "done", runs.c.stopped_by.is_(None))
        .values(stopped_by=who[:200], next_at_ms=0)
    )
    if changed.rowcount == 1:
        mark(tx, run_id, "stop")
    return changed.rowcount == 1


def agent_should_stop(tx: Connection, run_id: str) -> bool:
    """Return whether the run's agent is to end: somebody said stop, or all work on it is to end."""
    stopped_by = tx.execute(select(runs.c.stopped_by).where(runs.c.id == run_id)).scalar_one()
    return stopped_by is not None or should_stop(tx, run_id)


def should_stop(tx: Connection, run_id: str) -> bool:
    """Return whether work on the run is to end: somebody cancelled it, or it is over."""
    row = tx.execute(select(runs.c.cancel_requested, runs.c.state).where(runs.c.id == run_id)).one()
    return bool(row.cancel_requested) or row.state == "done"


def due(tx: Connection, host: str, states: tuple[str, ...], limit: int = 100) -> list[tuple[str, str]]:
    """Return (run id, state) of this host's runs (or of none's) in `states` whose lease is free and time has come."""
    rows = tx.execute(
        select(runs.c.id, runs.c.state)
        .where(
            runs.c.state.in_(states),
            or_(runs.c.host == host, runs.c.host.is_(None)),
            and_(runs.c.lease_until_ms <= now_ms(), runs.c.next_at_ms <= now_ms()),
        )
        .order_by(runs.c.created_at_ms, runs.c.id)
        .limit(limit)
    )
    return [(row.id, row.state) for row in rows]


def still_live(tx: Connection, run_id: str) -> bool:
    """Return whether the run is live, and keep it from ending until this transaction does."""
    query = select(runs.c.state).where(runs.c.id == run_id).with_for_update()
    return tx.execute(query).scalar_one_or_none() not in (None, "done")


def adopt(tx: Connection, host: str, alive: list[str]) -> int:
    """Give `host` the queued runs that have no host, or one that is not among the `alive`; return how many."""
    changed = tx.execute(
        update(runs)
        .where(
            runs.c.state == "queued", runs.c.lease_until_ms <= now_ms(),
            or_(runs.c.host.is_(None), runs.c.host.not_in([*alive, host])),
        )
        .values(host=host)
    )
    return changed.rowcount


def abandoned(tx: Connection, silent_seconds: float) -> list[tuple[str, str]]:
    """Return (run id, host) of runs that were started on a host which has not been heard of for that long."""
    rows = tx.execute(
        select(runs.c.id, runs.c.host)
        .join(hosts, hosts.c.name == runs.c.host)
        .where(
            runs.c.state.not_in(("queued", "done")), runs.c.lease_until_ms <= now_ms(),
            hosts.c.seen_at_ms < now_ms() - int(silent_seconds * 1000),
        )
    )
    return [(row.id, row.host) for row in rows]


def live_on(tx: Connection, host: str) -> list[Run]:
    """Return a host's live runs."""
    return [_noun(row) for row in tx.execute(select(runs).where(runs.c.host == host, runs.c.state != "done"))]


def mark(tx: Connection, run_id: str, name: str) -> None:
    """Note when a stage was first reached."""
    seen = tx.execute(select(stages.c.name).where(stages.c.run_id == run_id)).scalars().all()
    if name not in seen:
        tx.execute(insert(stages).values(run_id=run_id, name=name, sequence=len(seen), at_ms=now_ms()))


def timeline(tx: Connection, run_id: str) -> list[tuple[str, int]]:
    """Return (mark, milliseconds since 1970) in the order of time."""
    rows = tx.execute(select(stages.c.name, stages.c.at_ms).where(stages.c.run_id == run_id).order_by(stages.c.sequence))
    return [(row.name, row.at_ms) for row in rows]


def candidate(tx: Connection, run_id: str) -> str | None:
    """Return what the run is about to publish, as the publisher's own JSON, or None."""
    return tx.execute(select(runs.c.candidate).where(runs.c.id == run_id)).scalar_one_or_none()


def published_before(tx: Connection, run: Run) -> list[tuple[Run, str]]:
    """Return the case's earlier runs in the run's repository that have published, newest first, each with what, as the publisher's own JSON.

    People may ask in one conversation for work in several repositories.
    """
    rows = tx.execute(
        select(runs)
        .where(
            runs.c.case_id == run.case_id, runs.c.id != run.id, runs.c.candidate.is_not(None),
            runs.c.outcome.is_not(None),
        )
        .order_by(runs.c.created_at_ms.desc())
    )
    published = [(_noun(row), row.candidate) for row in rows if OUTCOME.validate_json(row.outcome).kind == "pull_request"]
    return [(earlier, proposal) for earlier, proposal in published if earlier.event.repo.id == run.event.repo.id]
