"""The line from end to end: a second run waits, is told its place, and begins by itself when the first one is over."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Embed
from tests.e2e.embedded import Road, sealed
from tests.e2e.harness import REPO, until

pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]  # whole runs in real sandboxes

# Each agent waits at a gate of its own, so that the test says when it ends.
WORK = "mkfifo $HOME/gate; cat $HOME/gate > /dev/null; sed -i s/999/1000/ till.txt"


def open_gate(road: Road) -> None:
    """Let the agent that is at work come to its end."""
    gate = road.gate()
    gate.write_text("go\n")
    until(lambda: not gate.exists(), "the gate is gone with its run", road.log)


def test_a_second_run_waits_is_told_its_place_and_begins_by_itself(embed: Embed) -> None:
    road = embed(sealed(WORK), max_runs=1)
    ada = road.github.person("ada")
    for number in (2, 3):
        assert ada.open_issue(REPO, f"issue {number}").number == number
    road.ring(1)
    road.told("Now: the agent is working")
    road.ring(2)
    road.told("Now: queued 1st.", number=2)
    road.ring(3)
    road.told("Now: queued 2nd.", number=3)
    assert road.newest().state == "queued"

    # Somebody without a say is told so once, and starts nothing; the line does not move for it.
    eve = road.github.person("eve")
    eve.comment(REPO, 2, "@bellhop me too")
    until(lambda: any("`eve` has the role `read`" in each for each in road.comments(2)), "eve is told", road.log)
    eve.comment(REPO, 2, "@bellhop really, me too")
    until(lambda: len(road.decisions("issue_comment.created")) == 2, "the second one is decided on", road.log)
    assert sum("`eve` has the role" in each for each in road.comments(2)) == 1

    # One that is told to end needs no place for that.
    ada.comment(REPO, 3, "@bellhop stop")
    road.told("before the agent began", number=3)

    open_gate(road)
    road.told("Pull request", number=1)
    until(lambda: "Now: the agent is working" in road.comments(2)[0], "the second run has its place", road.log)
    open_gate(road)
    until(lambda: "Pull request" in road.comments(2)[0], "the second run is done", road.log)
    road.nothing_is_left()
