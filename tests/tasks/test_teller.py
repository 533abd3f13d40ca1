"""What is to be said is said as soon as its installation may be written to: first words first, and spare ones last (R26)."""

from __future__ import annotations

import pytest

from app.core.line.turns import Pace
from app.core.run import COMMENT
from app.core.showing.receipt import RECEIPT
from app.ledger import outbox
from app.ledger import pace as pace_rows
from app.ledger.database import Database
from tasks.pacing import SharedPace
from tasks.replying.teller import EVERY_SECONDS, Teller
from tasks.route import route
from tests.tasks.scene import Scene, profile
from tests.tasks.talk import THREAD, linked, say, talking


@pytest.fixture
def pace(ledger: Database) -> Pace:
    """One write, and no more before time passes."""
    return SharedPace(ledger, 60.0)


def test_r26_first_words_come_before_changed_ones_and_spare_ones_last(scene: Scene) -> None:
    scene.profiles["fix"] = profile(signs={"reaction": True, "check-run": False})
    scene.github.person("bob").open_issue("octo/hello", "Another one")
    first = scene.routed()
    second = scene.ring(number=2)
    route(scene.parts, second)
    other = scene.entry(second).run_id
    assert other is not None
    # The first comment was written, and there was no turn for anything else: nobody has waited for one.
    assert (len(scene.comments(1)), len(scene.comments(2))) == (1, 0)
    with scene.database.begin() as tx:
        outbox.put(tx, first, COMMENT, "Changed meanwhile.")
    teller = Teller(scene.parts)
    assert teller.tell() == EVERY_SECONDS
    steps = []
    for _ in range(4):
        scene.later()
        teller.tell()
        with scene.database.read() as tx:
            left = [kind for run_id in (first, other) for kind in outbox.undelivered(tx, run_id)]
        steps.append((len(scene.comments(2)), scene.comments(1)[0].body.startswith("Changed"), sum(kind.startswith(RECEIPT) for kind in left)))
    receipts = steps[0][2]
    # One write for each time that the way was free.
    assert steps[0][:2] == (1, False)
    assert steps[1] == (1, True, receipts)
    assert [step[2] for step in steps[1:]] == [receipts - count for count in range(3)]


def test_what_is_said_at_another_service_does_not_wait_for_githubs_second(scene: Scene) -> None:
    talk = talking(scene)
    linked(scene)
    scene.routed()
    assert len(scene.comments(1)) == 1
    talk.fails = 1
    entry = say(scene, "@bellhop mend the till")
    assert entry.run_id is not None, entry
    assert talk.cards == []
    scene.sql("UPDATE outbox SET next_at_ms = 0, held_until_ms = 0")
    Teller(scene.parts).tell()
    assert talk.status(entry.run_id).thread == THREAD


def test_r26_what_waits_for_long_does_not_hide_what_others_may_be_told(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = talking(scene)
    linked(scene)
    run_id = scene.routed()
    talk.fails = 1
    entry = say(scene, "@bellhop mend the till")
    assert entry.run_id is not None, entry
    with scene.database.begin() as tx:
        outbox.put(tx, run_id, COMMENT, "Changed meanwhile.")
        pace_rows.pause(tx, "github 55", 600, is_stated=True)
    scene.sql("UPDATE outbox SET next_at_ms = CASE kind WHEN 'comment' THEN 0 ELSE 1 END, held_until_ms = 0")
    # As long as the one that is paused is looked at first, nobody else's turn comes.
    monkeypatch.setattr("tasks.replying.teller.MOST_AT_ONCE", 1)
    for _ in range(4):
        Teller(scene.parts).tell()
    assert talk.status(entry.run_id).thread == THREAD
    assert not scene.comments(1)[0].body.startswith("Changed")
    scene.later()
    Teller(scene.parts).tell()
    assert scene.comments(1)[0].body.startswith("Changed")
