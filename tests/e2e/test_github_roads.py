"""The roads that begin at GitHub besides a label and a comment: an assignment, and a comment on a line of a change."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import Embed
from tests.e2e.embedded import sealed
from tests.e2e.harness import REPO, until

pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]

WORK = "echo begun > $HOME/session; sed -i s/999/1000/ till.txt"
NEXT = "cat - >> $HOME/session; grep -E 'saytwo|till.txt|[+]' $HOME/session > said.txt"
ROADS = """\
on:
  issues: {types: [assigned], assignees: [eve]}
  pull_request_review_comment:
"""


def test_an_assignment_and_then_a_comment_on_a_line_of_the_change(embed: Embed) -> None:
    written = sealed(WORK).replace("    run: |", f"    next: {json.dumps(NEXT)}\n    run: |")
    road = embed(ROADS + written[written.index("agent:"):])
    ada = road.github.person("ada")
    ada.assign(REPO, 1, "ada")
    until(lambda: len(road.decisions("issues.assigned")) == 1, "the other assignment is decided on", road.log)
    assert "no_profile" in road.decisions("issues.assigned")[0]
    ada.assign(REPO, 1, "ada", "eve")
    road.told("Pull request")
    first, branch = road.newest(), road.branch()
    assert first.event.kind == "issues.assigned"

    # On a line of what it has changed: the same session, one more commit on the same branch.
    number = road.github.pull_requests(REPO)[0].number
    ada.comment_on_line(REPO, number, "till.txt", 1, "looks odd to me")
    ada.comment_on_line(REPO, number, "till.txt", 1, "@bellhop saytwo here")
    until(lambda: road.newest().id != first.id and road.newest().state == "done", "the comment is worked on", road.log, 60)
    assert road.newest().parent_id == first.id
    said = road.github.read(REPO, branch, "said.txt")
    assert "till.txt, line 1" in said
    assert "+" in said
    assert "saytwo here" in said
    assert [pull.number for pull in road.github.pull_requests(REPO)] == [number]
    decided = road.decisions("pull_request_review_comment.created")
    # What the same person said on the line a moment before is part of the wish.
    assert sorted(each.split(":")[0] for each in decided) == ["append", "start"]
    road.nothing_is_left()


def test_a_review_of_its_own_pull_request_is_worked_on_as_one(embed: Embed) -> None:
    written = sealed(WORK).replace("    run: |", f"    next: {json.dumps('cat - > said.txt')}\n    run: |")
    on = "on:\n  issues: {types: [labeled], labels: [bellhop]}\n  pull_request_review:\n  pull_request_review_comment:\n"
    road = embed(on + written[written.index("agent:"):])
    road.ring()
    road.told("Pull request")
    first, branch = road.newest(), road.branch()
    number = road.github.pull_requests(REPO)[0].number
    ada = road.github.person("ada")
    ada.review(REPO, number, "changes_requested", "Two things.", ("till.txt", 1, "first thing"), ("till.txt", 1, "second thing"))
    until(lambda: road.newest().id != first.id and road.newest().state == "done", "the review is worked on", road.log, 60)
    assert road.newest().parent_id == first.id
    said = road.github.read(REPO, branch, "said.txt")
    assert said.index("Two things.") < said.index("first thing") < said.index("second thing")
    assert said.count("first thing") == 1
    assert [each.split(" ")[1] for each in road.decisions("pull_request_review_comment.created")] == ["part_of_a_review"] * 2
    # An approval asks for nothing.
    ada.review(REPO, number, "approved", "Thank you!")
    until(lambda: len(road.decisions("pull_request_review.submitted")) == 2, "the approval is decided on", road.log)
    assert any("no_profile" in each for each in road.decisions("pull_request_review.submitted"))
    road.nothing_is_left()
