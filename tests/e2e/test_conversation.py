"""A conversation with a real agent in a real sandbox: while it works, in between, and after its end."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import Embed
from tests.e2e.embedded import sealed
from tests.e2e.harness import REPO, until

pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]

# A session in HOME: each turn adds what it read. Opening a FIFO waits for somebody at its other end.
BEGIN = """\
echo "begun" > $HOME/session
sed -i s/999/1000/ till.txt
mkfifo $HOME/gate; cat $HOME/gate > /dev/null
"""
NEXT = "grep -oE 'say(two|three|wait)' >> $HOME/session; cp $HOME/session session.txt; [ -z \"$(grep saywait session.txt)\" ] || sleep 300"


def test_r38_a_conversation_while_the_agent_works_when_it_is_stopped_and_after_its_end(embed: Embed) -> None:
    road = embed(sealed(BEGIN).replace("    run: |", f"    next: {json.dumps(NEXT)}\n    run: |"))
    ada = road.github.person("ada")
    road.ring()
    gate = road.gate()
    # A message waits for the end of the turn.
    ada.comment(REPO, 1, "please saytwo")
    until(lambda: len(road.decisions("issue_comment.created")) == 1, "the comment is decided on", road.log)
    assert road.handed() == []
    gate.write_text("")
    road.told("Pull request")
    assert road.github.read(REPO, road.branch(), "session.txt") == "begun\nsaytwo\n"
    assert road.handed() == ["please saytwo"]
    first = road.newest()
    road.nothing_is_left()

    # After the end, the same session goes on, on the same branch.
    ada.comment(REPO, 1, "@bellhop saythree")
    until(lambda: road.newest().id != first.id and road.newest().state == "done", "the follow-up is done", road.log, 60)
    assert road.newest().parent_id == first.id
    assert road.github.read(REPO, road.branch(), "session.txt") == "begun\nsaytwo\nsaythree\n"
    assert len(road.github.pull_requests(REPO)) == 1

    # Stopped by a person, it keeps what is done.
    second = road.newest()
    ada.comment(REPO, 1, "@bellhop saywait")
    until(lambda: road.newest().id != second.id and road.newest().state == "running", "it works", road.log, 60)
    session = road.state_dir / "scratch" / f"{road.newest().id}-work" / "home" / "session"
    until(lambda: session.exists() and "saywait" in session.read_text(), "it has begun", road.log, 60)
    ada.comment(REPO, 1, "@bellhop stop")
    until(lambda: road.newest().state == "done", "the stopped run is done", road.log, 60)
    assert road.github.read(REPO, road.branch(), "session.txt") == "begun\nsaytwo\nsaythree\nsaywait\n"
    road.told("Stopped by `ada`")
    road.nothing_is_left()
