"""The button on somebody's work: a conflict is found, offered, pressed by two people, and resolved; a red branch is mended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import tasks.replying.friction
import tasks.replying.offers
from app.emulators.github import GitHubEmulator
from app.emulators.github.actions import JobEnd
from app.emulators.github.state import CheckRun, Issue
from tests.e2e.conftest import Embed
from tests.e2e.embedded import Road, sealed
from tests.e2e.harness import REPO, github, until
from tests.e2e.test_failed_ci import BAD, CI

# Whole runs, beside a look at pull requests that waits for GitHub to work out whether they merge.
pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]

RESOLVE = "grep -q '^<<<<<<<' till.txt && printf 'cents: 1500\\n' > till.txt; git log --merges -1 --format=%s"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.replying.offers, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(tasks.replying.friction, "UNKNOWN_SECONDS", 0.2)


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[GitHubEmulator]:
    with github(tmp_path / "github", CI, actions="read") as running:
        yield running


def offers(road: Road) -> list[CheckRun]:
    return [each for each in road.github.repository(REPO).check_runs.values() if each.actions]


def conflicting(road: Road) -> Issue:
    ada = road.github.person("ada")
    ada.push(REPO, "feature", {"till.txt": "cents: 1000\n", "mine.txt": "mine\n"})
    pull = ada.open_pull(REPO, "feature", "Count in tens")
    ada.push(REPO, "main", {"till.txt": "cents: 2000\n", "theirs.txt": "theirs\n"})
    return pull


def test_a_conflict_is_offered_pressed_and_resolved(embed: Embed) -> None:
    written = sealed(RESOLVE)
    road = embed("on: {}\noffer: {for: [conflict]}\n" + written[written.index("agent:"):])
    pull, github = conflicting(road), road.github
    until(lambda: offers(road) != [], "the conflict is offered", road.log)
    [check] = offers(road)
    head = github.branches(REPO)["feature"]
    assert (check.head_sha, check.conclusion, check.actions[0]["label"]) == (head, "neutral", "Fix with Bellhop")
    assert "conflicts with" in (check.summary or "")

    # Somebody who may only read is told so once, in the check, and starts nothing.
    eve, ada = github.person("eve"), github.person("ada")
    eve.press(REPO, check.id, "fix")
    until(lambda: "eve has pressed it" in (check.summary or ""), "eve is told", road.log)
    eve.press(REPO, check.id, "fix")
    until(lambda: len(road.decisions("check_run.requested_action")) == 2, "the second press is decided on", road.log)
    assert all("not_permitted" in each for each in road.decisions("check_run.requested_action"))
    assert (check.summary or "").count("eve") == 1

    ada.press(REPO, check.id, "fix")
    road.told("Pull request", number=pull.number)
    run = road.newest()
    assert (run.event.actor.login, run.event.friction, run.thread) == ("ada", "conflict", f"github:{REPO}#{pull.number}")
    until(lambda: check.title == "Taken up", "the offer is taken up", road.log)

    # One commit with both sides as parents, proposed for the person's branch: merged there, the conflict is gone.
    made = github.pull_requests(REPO)[-1]
    assert made.pull is not None
    assert made.pull.base_ref == "feature"
    commit = github.commit(REPO, made.pull.head_ref)
    assert list(commit.parents) == [head, github.branches(REPO)["main"]]
    files = {name: github.read(REPO, made.pull.head_ref, name) for name in ("till.txt", "mine.txt", "theirs.txt")}
    assert files == {"till.txt": "cents: 1500\n", "mine.txt": "mine\n", "theirs.txt": "theirs\n"}
    assert "squashed, the conflict would come back" in (made.body or "")
    assert github.branches(REPO)["feature"] == head
    ada.merge(REPO, made.number)
    ada.merge(REPO, pull.number)
    assert github.read(REPO, "main", "till.txt") == "cents: 1500\n"
    road.nothing_is_left()


def test_a_press_is_about_the_commit_that_it_stood_on(embed: Embed) -> None:
    written = sealed(RESOLVE)
    road = embed("on: {}\noffer: {for: [conflict]}\n" + written[written.index("agent:"):])
    conflicting(road)
    until(lambda: offers(road) != [], "the conflict is offered", road.log)
    [check] = offers(road)
    ada = road.github.person("ada")
    ada.push(REPO, "feature", {"mine.txt": "more\n"})
    ada.press(REPO, check.id, "fix")
    until(lambda: len(road.decisions("check_run.requested_action")) == 1, "the press is decided on", road.log)
    assert "head_moved" in road.decisions("check_run.requested_action")[0]
    # The new head is looked at anew.
    until(lambda: len(offers(road)) == 2, "the new head is offered", road.log)


def test_a_red_build_of_a_branch_without_a_pull_request_is_offered_pressed_and_mended(embed: Embed) -> None:
    written = sealed('cp "$BELLHOP_PROMPT_FILE" told.txt; echo mended >> till.txt', ci="run")
    road = embed("on: {}\noffer: {for: [red-build]}\n" + written[written.index("agent:"):])
    ada, hub = road.github.person("ada"), road.github
    old = ada.push(REPO, "feature", {"till.txt": "cents: 997\n"})
    ada.finish_ci(REPO, tests=BAD)
    until(lambda: offers(road), "the red build is offered", road.log)
    [stale] = offers(road)
    head = ada.push(REPO, "feature", {"till.txt": "cents: 998\n"})
    ada.finish_ci(REPO, tests=BAD)
    until(lambda: len(offers(road)) == 2, "the new head is offered", road.log)
    [check] = [each for each in offers(road) if each.id != stale.id]
    assert (stale.head_sha, check.head_sha, check.conclusion) == (old, head, "neutral")
    assert (check.summary or "").startswith("The build of this branch has failed.")

    # A press counts for its own commit, and by somebody who may.
    ada.press(REPO, stale.id, "fix")
    hub.person("eve").press(REPO, check.id, "fix")
    until(lambda: len(road.decisions("check_run.requested_action")) == 2, "both presses are decided on", road.log)
    assert ["head_moved" in each or "not_permitted" in each for each in road.decisions("check_run.requested_action")] == [True, True]
    ada.press(REPO, check.id, "fix")
    until(lambda: check.title == "Taken up", "the offer is taken up", road.log)
    until(lambda: hub.pull_requests(REPO), "the pull request is open", road.log)
    [made] = hub.pull_requests(REPO)
    run = road.newest()
    assert made.pull is not None
    assert (made.pull.base_ref, made.title, run.event.actor.login, run.event.friction) == ("feature", "Mend the build of feature", "ada", "red-build")
    road.told("Pull request", number=made.number)
    assert hub.read(REPO, run.branch, "till.txt") == "cents: 998\nmended\n"
    told = hub.read(REPO, run.branch, "told.txt")
    assert "AssertionError: 998 != 1000" in told
    assert head in told
    assert hub.branches(REPO)["feature"] == head
    # It tells of itself on the commit where the button was, too.
    until(lambda: [each.status for each in hub.repository(REPO).check_runs.values() if each.head_sha == head and each.name == "Bellhop / fix"]
          == ["completed"], "the run's check stands on the commit", road.log)
    ada.finish_ci(REPO, tests=JobEnd())
    ada.merge(REPO, made.number)
    ada.finish_ci(REPO, tests=JobEnd())
    assert hub.read(REPO, "feature", "till.txt") == "cents: 998\nmended\n"
    road.nothing_is_left()
