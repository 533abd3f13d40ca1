"""Offers: for each head of somebody's pull request at most one, with the check that shows it as it should stand now."""

from __future__ import annotations

from typing import NamedTuple, cast

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.core.event import Event
from app.core.showing.friction import FRICTIONS, Friction
from app.ledger.database import now_ms
from app.ledger.tables import offers


class OfferRow(NamedTuple):
    """One offer; `refused` is who pressed it first and may not, `run_id` the run that a press has started (empty: none)."""

    id: int
    event: Event
    frictions: tuple[Friction, ...]
    refused: str
    run_id: str
    version: int
    attempts: int


def make(tx: Connection, event: Event, head_commit: str, friction: Friction) -> bool:
    """Offer to see to a friction of a head, a pull request's or a branch's; return whether that is news."""
    known = at_head(tx, event.source, event.repo.id, head_commit)
    if known is None:
        values = {
            "source": event.source, "repository_id": event.repo.id, "head_commit": head_commit, "event": event.model_dump_json(),
            "frictions": friction, "refused": "", "run_id": "", "version": 1, "delivered_version": 0, "attempts": 0, "next_at_ms": 0,
        }
        try:
            with tx.begin_nested():
                tx.execute(insert(offers).values(**values))
        except IntegrityError:
            # Somebody else has found something else about the same head: what is found again later is added then.
            return False
        return True
    frictions = " ".join(dict.fromkeys((*known.frictions, friction)))
    # A branch that has a pull request by now is worked on there; the build that failed stays what it was.
    has_opened = known.event.number is None and event.number is not None
    if known.run_id or (friction in known.frictions and not has_opened):
        return False
    about = event.model_copy(update={"ci": known.event.ci}) if has_opened else known.event
    _change(tx, known.id, frictions=frictions, event=about.model_dump_json())
    return True


def at_head(tx: Connection, source: str, repository_id: int, head_commit: str) -> OfferRow | None:
    """Return the offer that stands on a commit, or None."""
    row = tx.execute(select(offers).where(
        offers.c.source == source, offers.c.repository_id == repository_id, offers.c.head_commit == head_commit,
    )).one_or_none()
    return None if row is None else _row(row)


def refuse(tx: Connection, offer_id: int, login: str) -> None:
    """Note who pressed and may not; only the first is told."""
    known = tx.execute(select(offers.c.refused).where(offers.c.id == offer_id)).scalar_one()
    if not known:
        _change(tx, offer_id, refused=login)


def take_up(tx: Connection, offer_id: int, run_id: str) -> None:
    """Note the run that a press has started."""
    _change(tx, offer_id, run_id=run_id)


def hold(tx: Connection, seconds: float) -> OfferRow | None:
    """Take an offer that the service has not been told as it stands, and that nobody is telling; None: there is none."""
    waiting = (offers.c.delivered_version < offers.c.version, offers.c.next_at_ms <= now_ms())
    first = tx.execute(select(offers.c.id).where(*waiting).order_by(offers.c.next_at_ms, offers.c.id).limit(1)).scalar_one_or_none()
    if first is None:
        return None
    taken = tx.execute(
        update(offers).where(offers.c.id == first, *waiting)
        .values(attempts=offers.c.attempts + 1, next_at_ms=now_ms() + int(seconds * 1000))
    )
    return _row(tx.execute(select(offers).where(offers.c.id == first)).one()) if taken.rowcount == 1 else None


def told(tx: Connection, offer: OfferRow) -> None:
    """Note that the service has been told this version, or that this is given up."""
    tx.execute(update(offers).where(offers.c.id == offer.id).values(delivered_version=offer.version, attempts=0, next_at_ms=0))


def again_in(tx: Connection, offer: OfferRow, seconds: float) -> None:
    """Have the offer told later."""
    tx.execute(update(offers).where(offers.c.id == offer.id).values(next_at_ms=now_ms() + int(seconds * 1000)))


def wait(tx: Connection, offer: OfferRow, seconds: float) -> None:
    """Have the offer told later; that it was looked at is no try."""
    later_ms = now_ms() + int(seconds * 1000)
    tx.execute(update(offers).where(offers.c.id == offer.id).values(attempts=offers.c.attempts - 1, next_at_ms=later_ms))


def _change(tx: Connection, offer_id: int, **values: object) -> None:
    tx.execute(update(offers).where(offers.c.id == offer_id).values(version=offers.c.version + 1, **values))


def _row(row: object) -> OfferRow:
    found = cast("dict[str, object]", row._mapping)  # type: ignore[attr-defined] # SQLAlchemy's own name of a row's columns
    frictions = tuple(each for each in FRICTIONS if each in str(found["frictions"]).split())
    return OfferRow(
        cast("int", found["id"]), Event.model_validate_json(str(found["event"])), frictions, str(found["refused"]), str(found["run_id"]),
        cast("int", found["version"]), cast("int", found["attempts"]),
    )
