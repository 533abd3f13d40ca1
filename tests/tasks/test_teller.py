"""What is to be said is said as soon as its installation may be written to: first words first, and spare ones last (R26)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import update

from app.core.card import Card
from app.core.line.turns import Pace
from app.core.run import COMMENT
from app.core.showing.receipt import RECEIPT
from app.ledger import cards, outbox, runs
from app.ledger import pace as pace_rows
from app.ledger.database import Database
from app.ledger.tables import runs as runs_table
from tasks.pacing import SharedPace
from tasks.replying.teller import EVERY_SECONDS, Teller
from tasks.route import route
from tests.tasks.scene import Scene, profile
from tests.tasks.talk import ANN, CHANNEL, TEAM, THREAD, linked, say, talking


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


def test_r26_in_one_channel_questions_go_first_then_new_cards_then_ends_then_progress(scene: Scene) -> None:
    talk = talking(scene)
    linked(scene)
    threads = [f"slack:{TEAM}/{CHANNEL}/{number}.000000" for number in range(1, 5)]
    begun = [say(scene, "@bellhop mend the till", thread=thread).run_id or "" for thread in threads[:2]]
    scene.parts = replace(scene.parts, chat_pace=(pace := SharedPace(scene.database, 60.0)))
    talk.pace = pace
    # The channel's one turn is taken, and nobody stands still for the next.
    elsewhere = say(scene, "@bellhop mend the till", thread=threads[2]).run_id or ""
    waits = say(scene, "@bellhop mend the till", thread=threads[3]).run_id or ""
    assert elsewhere in [card.key for card in talk.cards]
    assert waits not in [card.key for card in talk.cards]
    other = say(scene, "@bellhop mend the till", thread=f"slack:{TEAM}/C0OTHER/1.000000").run_id or ""
    assert other in [card.key for card in talk.cards], "another channel does not wait for this one"
    # Of two that stand there already one has moved, and the other is over.
    with scene.database.begin() as tx:
        for run_id in begun:
            [kind] = [kind for kind in outbox.kinds(tx, run_id) if kind.startswith("card-")]
            reply = outbox.load(tx, run_id, kind)
            assert reply is not None
            outbox.put(tx, run_id, kind, Card.model_validate_json(reply.body).model_copy(update={"headline": "moved"}).model_dump_json())
        cards.put(tx, "slack", Card(key="who", kind="notice", thread=threads[0], only_for=ANN, headline="Who are you?", body="Link yourself."))
        tx.execute(update(runs_table).where(runs_table.c.id == begun[1]).values(state="done"))
    said = len(talk.cards)
    teller = Teller(scene.parts)
    for _ in range(4):
        scene.later()
        teller.look()
    assert [card.key for card in talk.cards[said:]] == ["who", waits, begun[1], begun[0]]
    with scene.database.read() as tx:
        assert runs.over_among(tx, begun) == {begun[1]}
