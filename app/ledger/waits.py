"""Events that wait for their person: until it is known who that is at the forge, or which repository they mean."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, delete, select, update

from app.core.account import Account
from app.ledger.database import insert_unless, now_ms
from app.ledger.tables import inbox, waits

Wants = Literal["link", "repository"]


class Wait(NamedTuple):
    """One such event; `repository` is what was chosen (empty: nothing yet), `left_seconds` how long it waits on (0: its time is over)."""

    inbox_id: int
    wants: Wants
    account: Account
    thread: str
    repository: str
    left_seconds: float


def put(tx: Connection, inbox_id: int, wants: Wants, account: Account, thread: str, seconds: float) -> Wait:
    """Have an event wait for that, for so long from the first time on, and return how it stands."""
    earlier = of_event(tx, inbox_id)
    if earlier is not None and earlier.wants != wants:
        tx.execute(delete(waits).where(waits.c.inbox_id == inbox_id))
    source, workspace, account_id = account.key
    tx.execute(insert_unless(tx, waits).values(
        inbox_id=inbox_id, wants=wants, source=source, workspace=workspace, account_id=account_id, thread=thread, repository="",
        expires_at_ms=now_ms() + int(seconds * 1000),
    ).on_conflict_do_nothing())
    made = of_event(tx, inbox_id)
    assert made is not None  # noqa: S101 - it was written in this transaction
    return made


def of_event(tx: Connection, inbox_id: int) -> Wait | None:
    """Return what an event waits for, or None."""
    return next(iter(_found(tx, waits.c.inbox_id == inbox_id)), None)


def open_of(tx: Connection, account: Account) -> list[Wait]:
    """Return the events of an account that wait for a repository, and whose time is not over; oldest first."""
    return [each for each in _of(tx, account, "repository") if not each.repository and each.left_seconds > 0]


def of_account(tx: Connection, account: Account) -> list[Wait]:
    """Return the events that wait for an account to be linked, oldest first."""
    return _of(tx, account, "link")


def choose(tx: Connection, inbox_id: int, repository: str) -> None:
    """Note which repository was chosen."""
    tx.execute(update(waits).where(waits.c.inbox_id == inbox_id).values(repository=repository))


def go_on(tx: Connection, inbox_id: int) -> None:
    """Have the event routed again now."""
    tx.execute(update(inbox).where(inbox.c.id == inbox_id, inbox.c.state == "stored").values(next_at_ms=0))


def over(tx: Connection, inbox_id: int) -> None:
    """Forget that an event waited; one that did not is no error."""
    tx.execute(delete(waits).where(waits.c.inbox_id == inbox_id))


def _of(tx: Connection, account: Account, wants: Wants) -> list[Wait]:
    source, workspace, account_id = account.key
    return _found(tx, (waits.c.source == source) & (waits.c.workspace == workspace) & (waits.c.account_id == account_id) & (waits.c.wants == wants))


def _found(tx: Connection, which: Any) -> list[Wait]:
    rows = tx.execute(select(waits, (waits.c.expires_at_ms - now_ms()).label("left_ms")).where(which).order_by(waits.c.inbox_id)).all()
    return [
        Wait(row.inbox_id, row.wants, Account(source=row.source, workspace=row.workspace, id=row.account_id), row.thread, row.repository, max(0, row.left_ms) / 1000)
        for row in rows
    ]
