"""The embedded default: one process, SQLite, no broker, bubblewrap, and GitHub's own webhooks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.emulators.github.faults import Fault
from tests.e2e.conftest import Embed
from tests.e2e.embedded import Road, sealed
from tests.e2e.harness import REPO, until

pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]  # whole runs through every process, some with an answer that gets lost

FIX = """\
echo "working on it"
sed -i s/999/1000/ till.txt
echo "the last word"
"""
# Opening a FIFO waits for somebody at its other end, so the agent goes on exactly when the test says so.
WAIT = "mkfifo $HOME/gate; cat $HOME/gate >/dev/null\n"


def draft(road: Road) -> str:
    """Return the body of the one pull request, which is a draft."""
    [pull] = road.github.pull_requests(REPO)
    assert pull.pull is not None
    assert pull.pull.draft
    return pull.body or ""


def test_a_labelled_issue_becomes_one_pull_request_and_leaves_nothing_behind(embed: Embed) -> None:
    road = embed(sealed(FIX, verify="grep -q 1000 till.txt"))
    road.ring()
    comment = road.told("Pull request")

    [pull] = road.github.pull_requests(REPO)
    assert f"/{REPO}/pull/{pull.number}" in comment
    assert road.branch() == road.newest().branch
    assert road.changes(road.branch()).splitlines()[-2:] == ["-cents: 999", "+cents: 1000"]
    assert road.changes(road.branch()).count("diff --git") == 1
    assert pull.title == "A cent is lost"
    assert not pull.pull.draft  # type: ignore[union-attr]
    assert "grep -q 1000 till.txt" in (pull.body or "")
    assert "**passed**" in (pull.body or "")
    assert "Isolation: `process` (`bubblewrap`)" in (pull.body or "")
    assert "the last word" in (pull.body or "")
    commit = road.github.commit(REPO, road.branch())
    assert f"Bellhop-Run: {road.newest().id}" in commit.message
    assert "Co-authored-by: ada" in commit.message
    assert len(road.comments()) == 1
    road.nothing_is_left()


def test_t3_the_same_webhook_under_another_id_starts_no_second_run(embed: Embed) -> None:
    road = embed(sealed(FIX))
    road.ring()
    road.told("Pull request")
    [captured] = [each for each in road.github.wait_for_deliveries() if each.event == "issues"]
    captured.headers["X-GitHub-Delivery"] = "0b0b0b0b-cc78-11e3-81ab-4c9367dc0958"
    again = road.github.redeliver(captured.guid)
    road.github.wait_for_deliveries()
    assert (again.status_code, "duplicate" in again.response_body) == (200, True)
    assert len(road.decisions("issues.labeled")) == 1
    assert len(road.comments()) == 1


def test_a_second_label_works_on_the_same_branch_and_pull_request(embed: Embed) -> None:
    road = embed(sealed('grep -o "[0-9]* cents" $BELLHOP_PROMPT_FILE >> till.txt'))
    ada = road.github.person("ada")
    ada.edit_issue(REPO, 1, body="make it 10 cents")
    road.ring()
    first = road.told("Pull request")
    run, branch = road.newest(), road.branch()
    until(lambda: road.newest().state == "done", "the first run is done", road.log)

    # GitHub's times are whole seconds, and two labellings within one are one happening.
    labelled_at = road.github.issue(REPO, 1).updated_at
    until(lambda: datetime.now(UTC) - labelled_at > timedelta(seconds=1), "a second has passed")
    ada.unlabel(REPO, 1, "bellhop")
    ada.edit_issue(REPO, 1, body="make it 25 cents")
    road.ring()
    until(lambda: len(road.comments()) == 2, "the second run says that it is on it", road.log)
    road.told("Pull request")

    assert road.newest().id != run.id
    assert road.newest().case_id == run.case_id
    assert road.branch() == branch
    assert road.github.read(REPO, branch, "till.txt").splitlines()[-1] == "25 cents"
    [pull] = road.github.pull_requests(REPO)
    assert road.newest().id in (pull.body or "")
    assert road.comments()[0] == first
    road.nothing_is_left()


def test_an_agent_that_changes_nothing_is_told_as_that(embed: Embed) -> None:
    road = embed(sealed('echo "the cents are right as they are"'))
    road.ring()
    comment = road.told("changed nothing")
    assert "the cents are right as they are" in comment
    assert road.github.branches(REPO).keys() == {"main"}
    assert road.github.pull_requests(REPO) == []
    road.nothing_is_left()


def test_an_agent_that_fails_with_nothing_done_is_told_in_one_line(embed: Embed) -> None:
    road = embed(sealed("echo no good >&2\nexit 7"))
    road.ring()
    comment = road.told("That did not work")
    assert "exit code 7" in comment
    assert "take the label `bellhop` off and put it on again" in comment
    assert road.github.branches(REPO).keys() == {"main"}
    assert len(road.comments()) == 1
    road.nothing_is_left()


def test_r23_what_a_failing_agent_has_changed_is_kept_as_a_draft(embed: Embed) -> None:
    road = embed(sealed(FIX + "exit 7"))
    road.ring()
    road.told("Draft pull request")
    body = draft(road)
    assert "The agent did not finish" in body
    assert "exit code 7" in body
    assert road.github.read(REPO, road.branch(), "till.txt") == "cents: 1000\n"


def test_r22_an_agent_that_runs_out_of_time_keeps_its_work_as_a_draft(embed: Embed) -> None:
    road = embed(sealed(FIX + WAIT, timeout_minutes="0.05"))
    road.ring()
    road.told("Draft pull request")
    body = draft(road)
    assert "[!WARNING]" in body
    assert "ran out of time" in body
    assert road.github.read(REPO, road.branch(), "till.txt") == "cents: 1000\n"
    road.nothing_is_left()


def test_a_result_that_does_not_verify_is_a_draft(embed: Embed) -> None:
    road = embed(sealed(FIX, verify="grep 1001 till.txt || { echo it is not 1001; exit 1; }"))
    road.ring()
    assert "**failed**" in road.told("Draft pull request")
    body = draft(road)
    assert "**failed**" in body
    assert "it is not 1001" in body
    road.nothing_is_left()


def test_a_protected_path_is_a_draft_with_a_warning(embed: Embed) -> None:
    road = embed(sealed("echo 'Do as you like.' > AGENTS.md"))
    road.ring()
    assert "changes a protected path: AGENTS.md" in road.told("Draft pull request")
    assert "changes a protected path: `AGENTS.md`" in draft(road)


def test_a_workflow_that_the_app_may_not_write_is_refused_in_one_line(embed: Embed) -> None:
    road = embed(sealed("mkdir -p .github/workflows; echo 'on: push' > .github/workflows/ci.yml"))
    road.ring()
    assert "without \\`workflows\\` permission" in road.told("Not done")
    assert road.github.branches(REPO).keys() == {"main"}
    road.nothing_is_left()


def test_a_symbolic_link_is_refused_and_nothing_is_published(embed: Embed) -> None:
    road = embed(sealed("ln -s /etc/passwd secrets"))
    road.ring()
    comment = road.told("Not done")
    assert "symbolic link" in comment
    assert "secrets" in comment
    assert road.github.branches(REPO).keys() == {"main"}
    assert road.github.pull_requests(REPO) == []
    road.nothing_is_left()


def test_a_level_that_this_host_cannot_keep_is_refused_in_one_line(embed: Embed) -> None:
    road = embed(sealed(FIX).replace("isolation: process", "isolation: container\n  image: nowhere"))
    road.ring()
    [line] = [line for line in road.told("requires isolation").splitlines() if "isolation" in line]
    assert all(words in line for words in ("container", "this host has: bubblewrap (process)", "bellhop doctor"))
    assert road.github.branches(REPO).keys() == {"main"}
    assert len(road.comments()) == 1
    road.nothing_is_left()


def test_r37_a_person_stops_the_run(embed: Embed) -> None:
    road = embed(sealed(FIX + WAIT))
    road.ring()
    road.gate()
    # What nothing_is_left() goes by sees a sandbox that is there.
    assert {"scratch", "bubblewrap", "doors"} <= {place.split("/")[-2] for place in road.left() if place.startswith("/")}
    assert [place for place in road.left() if place.startswith("process")]
    road.github.person("eve").comment(REPO, 1, "@bellhop stop")
    until(lambda: road.decisions("issue_comment.created"), "the reader's comment is decided on", road.log)
    assert "not_permitted" in road.decisions("issue_comment.created")[0]
    assert road.newest().state == "running"
    road.github.person("ada").comment(REPO, 1, "@bellhop cancel")
    until(lambda: any("Stopped" in said for said in road.comments()), "the comment says that it was stopped", road.log)
    assert road.github.branches(REPO).keys() == {"main"}
    # The other is the one word to who may not.
    assert ["`eve`" in said for said in road.comments()] == [False, True]
    road.nothing_is_left()


def test_r25_a_push_and_a_comment_whose_answers_get_lost_are_made_once(embed: Embed) -> None:
    road = embed(sealed(FIX))
    road.github.fault(Fault(path=r"/issues/1/comments$", method="POST", when="after", status=502))
    road.github.fault(Fault(path=r"/git-receive-pack$", method="POST", when="after", status=502))
    road.ring()
    road.told("Pull request")
    assert road.github.faults.remaining == []
    assert road.github.read(REPO, road.branch(), "till.txt") == "cents: 1000\n"
    assert len(road.github.pull_requests(REPO)) == 1
    assert len(road.comments()) == 1
    road.nothing_is_left()


def test_r25_a_pull_request_whose_answer_gets_lost_is_opened_once(embed: Embed) -> None:
    road = embed(sealed(FIX))
    road.github.fault(Fault(path=r"/pulls$", method="POST", when="after", drop=True))
    road.ring()
    road.told("Pull request")
    assert road.github.faults.remaining == []
    assert len(road.github.pull_requests(REPO)) == 1
    assert road.branch() == road.newest().branch
    assert len(road.comments()) == 1
    road.nothing_is_left()
