"""Who rings and may not is told so once, in words, and in no other way; loops end with one notice."""

from __future__ import annotations

import pytest

from app.core.deciding.breaker import MOST
from app.core.event import Actor
from app.emulators.github import Fault
from app.ledger.notices import MOST_PER_REPOSITORY_AND_HOUR
from tasks.route import route
from tasks.sweep import sweep
from tests.tasks.scene import ALICE, BOB, CAROL, Scene, profile

STRANGER = Actor(id="900", login="mallory", kind="person")
BOT = Actor(id="901", login="helper[bot]", kind="bot")


def test_t7_a_person_who_may_not_and_asks_in_words_is_told_once(scene: Scene) -> None:
    for _ in range(3):
        scene.comment("@bellhop do it", BOB)
    [said] = scene.comments()
    assert "`bob` has the role `triage`" in said.body
    assert "@bellhop" not in said.body
    assert scene.all_runs() == []
    # Somebody else is somebody else, and another thread is another conversation.
    scene.comment("@bellhop do it", STRANGER)
    assert len(scene.comments()) == 2
    sweep(scene.parts)
    scene.pump()
    assert len(scene.comments()) == 2
    assert scene.github.live_tokens() == []


@pytest.mark.parametrize(("actor", "said", "kind"), [
    (BOB, "I like it", "issue_comment.created"), (BOB, "> @bellhop do it", "issue_comment.created"),
    (BOT, "@bellhop do it", "issue_comment.created"), (BOB, "", "issues.labeled"),
], ids=["not-addressed", "quoted", "program", "label"])
def test_t7_t8_t14_nobody_else_is_answered(scene: Scene, actor: Actor, said: str, kind: str) -> None:
    route(scene.parts, scene.ring(actor=actor, said=said, kind=kind))
    assert (scene.comments(), scene.all_runs()) == ([], [])


def test_t18_strangers_do_not_make_a_loudspeaker_of_it(scene: Scene) -> None:
    for number in range(MOST_PER_REPOSITORY_AND_HOUR + 5):
        scene.comment("@bellhop do it", Actor(id=str(1000 + number), login=f"m{number}", kind="person"))
    assert len(scene.comments()) == MOST_PER_REPOSITORY_AND_HOUR
    # What was over the bound is not said later either.
    sweep(scene.parts)
    scene.pump()
    assert len(scene.comments()) == MOST_PER_REPOSITORY_AND_HOUR


def test_a_notice_that_github_does_not_take_is_said_later_and_once(scene: Scene) -> None:
    scene.github.fault(Fault(method="POST", path="/comments", status=502))
    scene.comment("@bellhop do it", BOB)
    assert scene.comments() == []
    scene.sql("UPDATE notices SET next_at_ms = 0")
    sweep(scene.parts)
    assert len(scene.comments()) == 1
    scene.sql("UPDATE notices SET next_at_ms = 0, is_delivered = :no", no=False)
    sweep(scene.parts)
    assert len(scene.comments()) == 1, "its marker is found"


def ended(scene: Scene) -> None:
    """Let every live run be over."""
    scene.sql("UPDATE runs SET state = 'done'")


def test_t14_a_label_that_a_workflow_re_adds_ends_with_one_notice(scene: Scene) -> None:
    for _ in range(MOST + 20):
        route(scene.parts, scene.ring())
        ended(scene)
    assert len(scene.all_runs()) == MOST
    notices = [comment.body for comment in scene.comments() if "looks like a loop" in comment.body]
    assert len(notices) == 1
    assert f"{MOST} runs began here within an hour" in notices[0]
    # Another thread is not this one's business.
    scene.github.person("alice").open_issue("octo/hello", "another")
    route(scene.parts, scene.ring(number=2))
    assert len(scene.all_runs()) == MOST + 1


def test_t14_two_bots_that_answer_each_other_stop_after_a_few_rounds_with_one_notice(scene: Scene) -> None:
    """The other one is on the profile's list, and answers everything with the bot's name, two hundred times."""
    scene.profiles["fix"] = profile(who={"apps": [901]})
    for _ in range(200):
        scene.comment("@bellhop please look again", BOT)
        ended(scene)
    assert len(scene.all_runs()) == MOST
    notices = [comment.body for comment in scene.comments() if "looks like a loop" in comment.body]
    assert len(notices) == 1
    # A person with a say goes on; one without does not, nor does the program that has learnt the word.
    scene.comment("@bellhop continue", BOT)
    scene.comment("@bellhop continue", BOB)
    assert len(scene.all_runs()) == MOST
    assert scene.comment("@bellhop continue", CAROL).state == "routed"
    ended(scene)
    assert scene.comment("@bellhop please look again", BOT).state == "routed"


def test_t13_t14_a_program_with_a_persons_token_stops_too(scene: Scene) -> None:
    for _ in range(40):
        scene.comment("@bellhop continue", ALICE)
        ended(scene)
    assert len(scene.all_runs()) < 32
    scene.sql("UPDATE runs SET created_at_ms = created_at_ms - 3600000")
    assert scene.comment("@bellhop and now?", ALICE).state == "routed", "an hour later it is over"
