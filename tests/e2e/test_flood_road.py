"""T18: five hundred mentions by one person, at the door, with sandboxes that really start: whoever else mentions is next."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from app.core.run import Run
from app.ledger import messages, runs
from app.ledger.tables import inbox
from tests.e2e.conftest import Embed
from tests.e2e.embedded import Road, sealed
from tests.e2e.harness import REPO, until

# Five hundred deliveries are answered, asked about and routed one after the other.
pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]

THREADS, MENTIONS, PLACES = 50, 500, 2
WAIT_SECONDS = 400.0


def of(road: Road, login: str) -> list[Run]:
    with road.bellhop.database.read() as tx:
        return [run for run in runs.recent(tx, 200) if run.event.actor.login == login]


def running(road: Road) -> set[str]:
    """The runs whose agents are at work: each has made its gate."""
    gates = road.state_dir.glob("scratch/*-work/home/gate")
    begun = {path.parents[1].name.removesuffix("-work") for path in gates if path.is_fifo()}
    return {run.id for login in ("ada", "bea") for run in of(road, login) if run.state == "running"} & begun


def is_quiet(road: Road) -> bool:
    with road.bellhop.database.read() as tx:
        return tx.execute(select(func.count()).where(inbox.c.state == "stored")).scalar_one() == 0


def test_t18_of_five_hundred_mentions_two_begin_and_another_persons_is_the_next_that_starts(embed: Embed) -> None:
    road = embed(
        sealed("mkfifo $HOME/gate; cat $HOME/gate", signs="{check-run: false, reaction: false}"), max_runs=PLACES,
    )
    road.github.set_role(REPO, "bea", "write")
    ada, bea, eve = (road.github.person(name) for name in ("ada", "bea", "eve"))
    numbers = [ada.open_issue(REPO, f"Cent {count}").number for count in range(THREADS)]
    theirs, strangers = (person.open_issue(REPO, "Another cent").number for person in (bea, eve))
    for count in range(MENTIONS):
        ada.comment(REPO, numbers[count % THREADS], "@bellhop mend it")
    for _ in range(10):
        eve.comment(REPO, strangers, "@bellhop mend mine")
    bea.comment(REPO, theirs, "@bellhop mend mine, too")
    road.github.wait_for_deliveries(WAIT_SECONDS)
    road.github.wait_for_deliveries(WAIT_SECONDS)
    until(lambda: is_quiet(road), "every mention is decided on", road.log, WAIT_SECONDS)
    until(lambda: len(running(road)) == PLACES, "the places are taken", road.log, WAIT_SECONDS)

    mine, [other] = of(road, "ada"), of(road, "bea")
    assert len(mine) == THREADS
    with road.bellhop.database.read() as tx:
        assert sum(len(messages.after(tx, run.id)) for run in mine) == MENTIONS - THREADS, "none is dropped"
    first = running(road)
    assert first < {run.id for run in mine}
    assert [run.state for run in mine].count("queued") == THREADS - PLACES

    # Each thread is told once where its run stands, and who may not ring is refused once.
    until(lambda: all(len(road.comments(number)) == 1 for number in (*numbers, theirs, strangers)), "everybody is told", road.log, WAIT_SECONDS)
    waiting = [body for number in numbers for body in road.comments(number) if re.search(r"queued \d+(st|nd|rd|th)", body)]
    assert len(waiting) >= THREADS - PLACES
    assert "Nothing was started" in road.comments(strangers)[0]
    assert of(road, "eve") == []

    ended = min(first)
    (road.state_dir / "scratch" / f"{ended}-work" / "home" / "gate").write_text("go on\n")
    until(lambda: len(running(road) - {ended}) == PLACES, "the place is taken again", road.log, WAIT_SECONDS)
    assert running(road) - first == {other.id}, "the next is another person's, and not one of forty-eight that came before"

    with road.bellhop.database.begin() as tx:
        left = [run for run in (*of(road, "ada"), other) if run.state != "done"]
        for run in left:
            runs.request_cancel(tx, run.id)
    until(lambda: all(run.state == "done" for run in (*of(road, "ada"), *of(road, "bea"))), "all are over", road.log, WAIT_SECONDS)
    road.nothing_is_left()
