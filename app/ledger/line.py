"""The line of each host as it stands: who may begin, where a run waits, and about how long. All of it is read anew each time."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select

from app.core.line.daily import never_fits as never
from app.core.line.place import Place, place_in
from app.core.line.ticket import Ticket
from app.core.line.waiting_line import Caps, Line, line_up
from app.core.run import Run
from app.ledger import pauses, spending, tickets
from app.ledger.database import clock_ms, now_ms
from app.ledger.tables import hosts, runs


class Standing(NamedTuple):
    """A host's line beside what runs anywhere."""

    line: Line
    under_way: list[Ticket]


def of_host(tx: Connection, host: str, caps: Caps) -> Standing:
    """Return the line of a host; `caps.host` are its places."""
    under_way, waiting = tickets.under_way(tx), tickets.waiting(tx, host)
    held = spending.held(tx, waiting, under_way, caps.daily) | pauses.held(tx, waiting)
    return Standing(line_up(waiting, under_way, caps, host, held, served=tickets.served(tx)), under_way)


def may_begin(tx: Connection, run_id: str, host: str, caps: Caps) -> bool:
    """Return whether a queued run may begin on this host now: it is among the next, and no cap would be passed.

    Keeps other transactions that ask, on any host, from being answered until this one ends, so that two never take the last place.
    """
    # The caps hold for all hosts together. In one order, so that no two wait for each other.
    tx.execute(select(hosts.c.name).order_by(hosts.c.name).with_for_update())
    return any(each.run_id == run_id for each in of_host(tx, host, caps).line.now)


def never_fits(tx: Connection, run_id: str, caps: Caps) -> str:
    """Return why a queued run would wait for ever, in words, or an empty string: no day's budget has room for it."""
    ticket = tickets.of_run(tx, run_id)
    return "" if ticket is None else never(ticket, caps.daily)


def place_of(tx: Connection, run: Run, caps: Caps) -> Place | None:
    """Return where a queued run waits; None where it does not: it has begun, or may now, or has no host yet."""
    if run.state != "queued" or run.host is None:
        return None
    places = tickets.places_of(tx, run.host) or caps.host
    standing = of_host(tx, run.host, caps._replace(host=places))
    return _place(tx, standing, run.id, run.host, places)


def places(tx: Connection, host: str, caps: Caps, most: int) -> list[tuple[str, Place]]:
    """Return (run id, place) of the first of those who wait on a host, in the order of the line."""
    standing = of_host(tx, host, caps)
    durations = tickets.durations_ms(tx, {each.profile for each in (*standing.line.now, *standing.line.later, *standing.under_way)})
    found = [
        (each.run_id, _place(tx, standing, each.run_id, host, caps.host, durations)) for each in standing.line.later[:most]
    ]
    return [(run_id, place) for run_id, place in found if place is not None]


def _place(
    tx: Connection, standing: Standing, run_id: str, host: str, places: int, durations: dict[str, int] | None = None
) -> Place | None:
    line = standing.line
    if durations is None:
        if all(each.run_id != run_id for each in line.later):
            return None
        durations = tickets.durations_ms(tx, {each.profile for each in (*line.now, *line.later, *standing.under_way)})
    return place_in(
        line, run_id, standing.under_way, host=host, places=places, durations_ms=durations,
        now_ms=clock_ms(tx),
    )


def told_to_end(tx: Connection, host: str) -> list[str]:
    """Return the queued runs of a host that somebody has told to end: they need no place for that."""
    return list(tx.execute(
        select(runs.c.id)
        .where(
            runs.c.state == "queued", runs.c.host == host, runs.c.lease_until_ms <= now_ms(),
            runs.c.cancel_requested.is_(True) | runs.c.stopped_by.is_not(None),
        )
        .limit(100)
    ).scalars())
