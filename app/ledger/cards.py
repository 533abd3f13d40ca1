"""Cards of no run: a question which repository is meant, a link to be linked by, a word to one person. Each a state to bring about, by its key."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, select, update

from app.core.card import Card
from app.ledger.database import insert_unless, now_ms
from app.ledger.tables import cards


class Due(NamedTuple):
    """One card that its service has not been told of as it stands now."""

    card: Card
    source: str
    wants_link: bool
    version: int
    known: str
    attempts: int


def put(tx: Connection, source: str, card: Card, *, wants_link: bool = False) -> None:
    """Say what a card should be from now on; it is due at once."""
    made = tx.execute(_insert(tx, source, card, wants_link))
    if made.rowcount == 0:
        tx.execute(update(cards).where(cards.c.key == card.key).values(
            card=card.model_dump_json(), version=cards.c.version + 1, attempts=0, next_at_ms=now_ms(), put_at_ms=now_ms(), wants_link=wants_link,
        ))


def put_once(tx: Connection, source: str, card: Card, within_seconds: float, *, wants_link: bool = False) -> bool:
    """Say it unless a card of that key was said within so many seconds; return whether it is said."""
    made = tx.execute(_insert(tx, source, card, wants_link))
    if made.rowcount == 1:
        return True
    again = tx.execute(
        update(cards).where(cards.c.key == card.key, cards.c.put_at_ms < now_ms() - int(within_seconds * 1000)).values(
            card=card.model_dump_json(), version=cards.c.version + 1, attempts=0, next_at_ms=now_ms(), put_at_ms=now_ms(), wants_link=wants_link, known="",
        )
    )
    return again.rowcount == 1


def is_there(tx: Connection, key: str) -> bool:
    """Return whether a card of that key was ever put."""
    return tx.execute(select(cards.c.key).where(cards.c.key == key)).first() is not None


def due(tx: Connection, limit: int = 100) -> list[str]:
    """Return the keys of cards that are to be shown now, oldest first."""
    wanted = select(cards.c.key).where(cards.c.delivered_version < cards.c.version, cards.c.next_at_ms <= now_ms())
    return list(tx.execute(wanted.order_by(cards.c.put_at_ms).limit(limit)).scalars())


def hold(tx: Connection, key: str, seconds: float) -> Due | None:
    """Take one that is due, and hide it from others meanwhile; None: somebody else has it."""
    row = tx.execute(
        update(cards).where(cards.c.key == key, cards.c.delivered_version < cards.c.version, cards.c.next_at_ms <= now_ms())
        .values(attempts=cards.c.attempts + 1, next_at_ms=now_ms() + int(seconds * 1000))
        .returning(cards.c.card, cards.c.source, cards.c.wants_link, cards.c.version, cards.c.known, cards.c.attempts)
    ).one_or_none()
    return None if row is None else Due(Card.model_validate_json(row[0]), *row[1:])


def shown(tx: Connection, due: Due, known: str) -> None:
    """Note that it stands as it was read, or that this version is given up; one that was put meanwhile is due."""
    tx.execute(update(cards).where(cards.c.key == due.card.key, cards.c.version == due.version).values(delivered_version=due.version))
    tx.execute(update(cards).where(cards.c.key == due.card.key, cards.c.version != due.version).values(next_at_ms=now_ms()))
    tx.execute(update(cards).where(cards.c.key == due.card.key).values(known=known))


def again_in(tx: Connection, key: str, seconds: float) -> None:
    """Have it tried again later."""
    tx.execute(update(cards).where(cards.c.key == key).values(next_at_ms=now_ms() + int(seconds * 1000)))


def wait(tx: Connection, key: str, seconds: float) -> None:
    """Let go of one that was not tried, which is no attempt; it is due again after so many seconds."""
    tx.execute(update(cards).where(cards.c.key == key).values(attempts=cards.c.attempts - 1, next_at_ms=now_ms() + int(seconds * 1000)))


def _insert(tx: Connection, source: str, card: Card, wants_link: bool) -> Any:
    return insert_unless(tx, cards).values(
        key=card.key, source=source, card=card.model_dump_json(), wants_link=wants_link, version=1, delivered_version=0, known="", attempts=0,
        next_at_ms=0, put_at_ms=now_ms(),
    ).on_conflict_do_nothing()
