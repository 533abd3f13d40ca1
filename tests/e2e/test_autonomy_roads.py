"""Results that do not go by themselves, from the thread to their end: a suggestion, a plan, a risky path; status and retry beside them."""

from __future__ import annotations

import json
import re

import pytest

from tests.e2e.conftest import Embed
from tests.e2e.embedded import Road, sealed
from tests.e2e.harness import REPO, until

# Each plays whole runs with sandboxes, one after the other.
pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]

WORK = "sed -i s/999/1000/ till.txt; echo mended"


def said(road: Road, words: str) -> str:
    """Wait until one of Bellhop's comments holds the words, and return it."""
    until(lambda: any(words in body for body in road.comments()), f"a comment says {words!r}", road.log, 60)
    return next(body for body in road.comments() if words in body)


def test_a_suggestion_is_approved_by_its_name_and_is_the_pull_request(embed: Embed) -> None:
    road = embed(sealed(WORK, autonomy="suggest", verify="grep -q 1000 till.txt"))
    ada = road.github.person("ada")
    road.ring()
    comment = said(road, "this is a suggestion")
    assert "**passed**" in comment
    assert "+cents: 1000" in comment
    assert list(road.github.branches(REPO)) == ["main"]
    first = road.newest()
    ada.comment(REPO, 1, "@bellhop status")
    said(road, "waits for an approval (0 of 1 so far)")
    [name] = re.findall(r"@bellhop(?:-[a-z0-9]+)? approve ([0-9a-f]{7})", comment)
    # By somebody who may not, nothing comes of it.
    road.github.person("eve").comment(REPO, 1, f"@bellhop approve {name}")
    ada.comment(REPO, 1, f"@bellhop approve {name}")
    said(road, "Pull request")
    second = road.newest()
    assert (second.parent_id, second.outcome and second.outcome.kind) == (first.id, "pull_request")
    assert road.github.branches(REPO)[road.branch()].startswith(name)
    assert road.github.read(REPO, road.branch(), "till.txt") == "cents: 1000\n"
    road.nothing_is_left()


def test_a_plan_is_worked_on_in_its_session_and_its_risky_path_waits_for_somebody_else(embed: Embed) -> None:
    plan = "echo planned > $HOME/session; echo 'I would make it 1000'"
    work = "cat $HOME/session; sed -i s/999/1000/ till.txt; echo mended"
    written = sealed(plan, approval="{plan: true, paths: [till.txt], requester: exclude}")
    road = embed(written.replace("    run: |", f"    next: {json.dumps(work)}\n    run: |"))
    road.github.set_role(REPO, "eve", "write")
    road.ring()
    comment = said(road, "This is the plan")
    assert "I would make it 1000" in comment
    ada, eve = road.github.person("ada"), road.github.person("eve")
    ada.comment(REPO, 1, "@bellhop approve")
    said(road, "whoever asked for the work does not approve it")
    eve.comment(REPO, 1, "@bellhop approve")
    said(road, "somebody has to approve first")
    assert list(road.github.branches(REPO)) == ["main"]
    eve.comment(REPO, 1, "@bellhop approve")
    said(road, "Pull request")
    assert road.github.read(REPO, road.branch(), "till.txt") == "cents: 1000\n"
    road.nothing_is_left()


def test_what_failed_is_tried_again_by_one_word(embed: Embed) -> None:
    road = embed(sealed(f"test -e ready || exit 3; {WORK}"))
    ada = road.github.person("ada")
    road.ring()
    said(road, "That did not work")
    first = road.newest()
    ada.push(REPO, "main", {"ready": "yes\n"})
    ada.comment(REPO, 1, "@bellhop retry")
    said(road, "Pull request")
    assert road.newest().event.kind == first.event.kind == "issues.labeled"
    ada.comment(REPO, 1, "@bellhop retry")
    said(road, "Not tried again")
    road.nothing_is_left()
