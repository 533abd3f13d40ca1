"""A case and its names: threads on every surface that are about one job, found to be so by and by."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select, update

from app.core.event import ELSEWHERE
from app.core.run import new_id
from app.ledger import runs
from app.ledger.conversation import hold_still
from app.ledger.database import insert_unless
from app.ledger.tables import places, thread_names, threads
from app.ledger.tables import runs as runs_table


class Place(NamedTuple):
    """Where words of a case were said at a chat or planning service, and what that needs to answer there.

    `stands_at` is the thread that this one's name means by now, such as the one below a command's first card (empty: itself).
    """

    thread: str
    handle: str
    stands_at: str = ""

    @property
    def source(self) -> str:
        """The service, by its events' source."""
        return self.thread.partition(":")[0]


class Joined(NamedTuple):
    """What came of joining two threads: whether anything has changed, and the run of another job that is kept apart (empty: none)."""

    is_news: bool
    apart: str = ""


def note_place(tx: Connection, thread: str, handle: str) -> None:
    """Put on file where somebody who may ring has spoken."""
    tx.execute(insert_unless(tx, places).values(thread=thread, handle=handle).on_conflict_do_nothing())


def call(tx: Connection, name: str, thread: str) -> None:
    """Have a name stand for a thread from now on."""
    made = tx.execute(insert_unless(tx, thread_names).values(name=name, thread=thread).on_conflict_do_nothing())
    if made.rowcount == 0:
        tx.execute(update(thread_names).where(thread_names.c.name == name).values(thread=thread))
    # What has stood for that name stands for the thread.
    tx.execute(update(thread_names).where(thread_names.c.thread == name).values(thread=thread))


def meant_by(tx: Connection, name: str) -> str:
    """Return the thread that a name stands for; a name that nobody knows stands for itself."""
    return str(tx.execute(select(thread_names.c.thread).where(thread_names.c.name == name)).scalar_one_or_none() or name)


def known_case(tx: Connection, thread: str) -> str | None:
    """Return the case that a thread is a name of, or None for one that is new."""
    return tx.execute(select(threads.c.case_id).where(threads.c.thread == thread)).scalar_one_or_none()


def threads_of(tx: Connection, case_id: str) -> list[str]:
    """Return the names of a case, in the order of the alphabet."""
    return list(tx.execute(select(threads.c.thread).where(threads.c.case_id == case_id).order_by(threads.c.thread)).scalars())


def places_of(tx: Connection, case_id: str) -> list[Place]:
    """Return where a case is talked about at other services, each place once, in the order in which they became known."""
    rows = tx.execute(
        select(places.c.thread, places.c.handle).join(threads, threads.c.thread == places.c.thread)
        .where(threads.c.case_id == case_id).order_by(places.c.id)
    ).all()
    found: dict[tuple[str, str], Place] = {}
    for row in rows:
        place = Place(row.thread, row.handle, meant_by(tx, row.thread))
        if place.source in ELSEWHERE:
            found.setdefault((place.stands_at, row.handle), place)
    return list(found.values())


def join(tx: Connection, thread: str, other: str, repo_id: int) -> Joined:
    """Make two threads names of one case, unless each of them is a job of its own that stands outside already.

    The case without a live run and without a published result goes into the other. Nothing is joined of another repository.
    """
    mine, theirs = known_case(tx, thread), known_case(tx, other)
    if mine is not None and mine == theirs:
        return Joined(False)
    if mine is None or theirs is None:
        case_id = mine or theirs or new_id(8)
        if not _is_of(tx, case_id, repo_id):
            return Joined(False)
        runs.alias(tx, thread, case_id)
        runs.alias(tx, other, case_id)
        return Joined(True)
    return _merged(tx, (thread, other), (mine, theirs), repo_id)


def _merged(tx: Connection, threads_meant: tuple[str, str], found: tuple[str, str], repo_id: int) -> Joined:
    mine, theirs = found
    # A run that begins meanwhile in a thread of either would stay behind in a case without a name.
    for name in sorted({*threads_of(tx, mine), *threads_of(tx, theirs)}):
        hold_still(tx, name)
    if tuple(known_case(tx, each) for each in threads_meant) != found:
        # Somebody has joined one of them with another while this waited: it is looked at anew.
        return Joined(True)
    if not (_is_of(tx, mine, repo_id) and _is_of(tx, theirs, repo_id)):
        return Joined(False)
    # The newer name goes into the older job where either could.
    for gone, kept in ((mine, theirs), (theirs, mine)):
        if not _stands_outside(tx, gone):
            tx.execute(update(threads).where(threads.c.case_id == gone).values(case_id=kept))
            tx.execute(update(runs_table).where(runs_table.c.case_id == gone).values(case_id=kept))
            return Joined(True)
    newest = runs.newest_of_case(tx, threads_meant[1], repo_id, 1)
    return Joined(False, newest[0].id if newest else "")


def _is_of(tx: Connection, case_id: str, repo_id: int) -> bool:
    rows = tx.execute(select(runs_table.c.id).where(runs_table.c.case_id == case_id).order_by(runs_table.c.created_at_ms.desc()).limit(50)).scalars()
    return all(run is not None and run.event.repo.id == repo_id for run in (runs.load(tx, run_id) for run_id in rows))


def _stands_outside(tx: Connection, case_id: str) -> bool:
    """Return whether a run of the case is under way, or has something that may have been pushed: its branch has the case's name."""
    wanted = (runs_table.c.state != "done") | runs_table.c.candidate.is_not(None)
    return tx.execute(select(runs_table.c.id).where(runs_table.c.case_id == case_id, wanted).limit(1)).first() is not None
