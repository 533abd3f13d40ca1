"""Failed CI between the event and the run: whose run it is, how many there are, what its agent is told, and by which token."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from app.commands.run import event_by_hand, queue_run
from app.core.event import Actor, Ci, Event
from app.core.outcome import NothingToDo, PullRequest
from app.core.run import Run
from app.emulators.github.actions import JobEnd
from app.emulators.github.faults import Fault
from app.emulators.github.state import WorkflowRun
from app.errors import PublishRefused
from app.ledger import audit, ci_attempts, inbox, pace, runs, sandboxes, tickets
from app.ledger.inbox import Entry
from tasks.deciding.passing import PASSED, outcome_of
from tasks.route import route
from tasks.start import start
from tests.github_at_work import REPO
from tests.tasks.scene import ALICE, Scene, profile
from tests.tasks.talk import THREAD, linked, say, talking

HELLO = "octo/hello"
KEY = "sk-ant-" + "a1" * 15
LOG = f"2026-11-22T03:00:00.1234567Z E   AssertionError: 1 != 2\nkey: {KEY}\n{'x' * 390} {KEY}\nFAILED test_a.py::test_one - assert\n"
MACHINE = Actor(id="9", login="github-actions[bot]", kind="bot")


@pytest.fixture
def more_permissions() -> dict[str, str]:
    return {"actions": "read", "checks": "write", "statuses": "read"}


@pytest.fixture
def failing(scene: Scene, more_permissions: dict[str, str]) -> WorkflowRun:
    """A workflow's run on alice's branch that has failed."""
    for installation in scene.github.world.state.installations.values():
        installation.permissions |= more_permissions
    scene.profiles["fix"] = profile(on={"workflow_run": {}, "status": {}})
    alice = scene.github.person("alice")
    alice.push(HELLO, "feature", {".github/workflows/ci.yml": "name: CI\non: push\n", "app.py": "1\n"})
    return alice.finish_ci(HELLO, tests=JobEnd("failure", LOG), lint=JobEnd())


def told(scene: Scene, run: WorkflowRun, *, kind: str = "workflow_run.completed", actor: Actor = MACHINE, **ci: Any) -> Entry:
    """Let an end of CI come in, and route it."""
    scene.deliveries += 1
    piece = {"id": run.id, "name": run.name, "conclusion": run.conclusion or "", "head_commit": run.head_sha, "head_branch": run.head_branch}
    event = Event(
        source="github", kind=kind, delivery_key=f"ci-{scene.deliveries}", thread=f"github:{HELLO}@{run.head_branch}", actor=actor, repo=REPO,
        url="https://github.invalid/x", branch=run.head_branch, title=run.name, ci=Ci.model_validate(piece | ci),
    )
    with scene.database.begin() as tx:
        inbox_id = inbox.store(tx, event).id
    route(scene.parts, inbox_id)
    return scene.entry(inbox_id)


def started(scene: Scene, entry: Entry) -> Run:
    assert entry.run_id is not None, entry
    start(scene.parts, entry.run_id)
    return scene.run(entry.run_id)


def prompt(scene: Scene, run: Run) -> str:
    with scene.database.read() as tx:
        [row] = sandboxes.of_run(tx, run.id)
    return row.assignment.model_dump_json()


def test_the_run_is_that_of_whoever_has_pushed(scene: Scene, failing: WorkflowRun) -> None:
    run = started(scene, told(scene, failing))
    assert run.event.actor == ALICE
    assert (run.base_branch, run.works_on) == ("feature", failing.head_sha)
    scene.work(run.id, {"app.py": "2\n"})
    scene.pump()
    outcome = scene.outcome(run.id)
    assert isinstance(outcome, PullRequest), outcome
    made = scene.github.issue(HELLO, outcome.number)
    assert made.pull is not None
    assert made.pull.base_ref == "feature"
    assert scene.github.branches(HELLO)["feature"] == failing.head_sha


@pytest.mark.parametrize("role", ["read", "triage", "none"])
def test_t9_somebody_who_may_not_ring_may_not_by_a_push_either(scene: Scene, failing: WorkflowRun, role: Any) -> None:
    scene.github.set_role(HELLO, "alice", role)
    assert "not_permitted" in (told(scene, failing).decision or "")


def test_r5_all_ends_of_one_commit_are_one_run(scene: Scene, failing: WorkflowRun) -> None:
    scene.github.person("alice").set_status(HELLO, failing.head_sha, "failure", "ci/other")
    first = told(scene, failing)
    again = [told(scene, failing), told(scene, failing, kind="status", name="ci/other", id=77)]
    assert [entry.run_id for entry in again] == [None, None]
    assert all("already_running" in (entry.decision or "") for entry in again)
    run = started(scene, first)
    said = prompt(scene, run)
    assert "test_a.py::test_one" in said
    assert "ci/other" in said
    scene.work(run.id)
    scene.pump()
    assert "head_done" in (told(scene, failing).decision or "")
    assert len(scene.all_runs()) == 1


def test_it_waits_for_what_is_still_under_way_and_is_no_try(scene: Scene, failing: WorkflowRun) -> None:
    alice = scene.github.person("alice")
    alice.set_status(HELLO, failing.head_sha, "pending", "ci/slow")
    entry = told(scene, failing)
    assert (entry.state, entry.attempts) == ("stored", 0)
    assert "waits: ci_under_way" in (entry.decision or "")
    assert 0 < scene.waits_seconds("inbox", id=entry.id) <= 300
    alice.set_status(HELLO, failing.head_sha, "success", "ci/slow")
    scene.later()
    route(scene.parts, entry.id)
    assert scene.entry(entry.id).run_id is not None


def test_a_commit_that_was_pushed_over_is_left_alone(scene: Scene, failing: WorkflowRun) -> None:
    scene.github.person("alice").push(HELLO, "feature", {"app.py": "3\n"})
    assert "newer_head" in (told(scene, failing).decision or "")


def test_t19_t63_a_log_is_data_in_the_prompt_and_without_secrets(scene: Scene, failing: WorkflowRun) -> None:
    run = started(scene, told(scene, failing))
    said = prompt(scene, run)
    assert "AssertionError: 1 != 2" in said
    assert "sk-ant-" not in said
    assert "2026-11-22T03" not in said
    assert said.index("begin -----") < said.index("AssertionError") < said.index("end -----")
    with scene.database.read() as tx:
        used = {(row.action, row.target) for row in audit.of_run(tx, run.id)}
    assert ("mint ci", f"{HELLO} actions: read") in used
    assert not any("write" in target for action, target in used if action == "mint ci")
    assert scene.github.live_tokens() == []


def proposed_by_hand(scene: Scene) -> tuple[Run, PullRequest]:
    """A pull request that nobody outside has asked for, with CI of its own."""
    scene.profiles["fix"] = profile(on={"workflow_run": {}}, ci="run")
    scene.github.person("alice").push(HELLO, "main", {".github/workflows/ci.yml": "name: CI\non: push\n"})
    scene.github.person("alice").finish_ci(HELLO, tests=JobEnd())
    run_id, _ = queue_run(scene.database, event_by_hand(REPO, "Bring it up to date."), scene.profiles["fix"])
    start(scene.parts, run_id)
    scene.work(run_id, {"app.py": "1\n"})
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest), outcome
    return scene.run(run_id), outcome


def test_t8_ci_of_what_nobody_outside_asked_for_is_worked_on_for_bellhops_own_commits_alone(scene: Scene, more_permissions: dict[str, str]) -> None:
    for installation in scene.github.world.state.installations.values():
        installation.permissions |= more_permissions
    first, made = proposed_by_hand(scene)
    bad = scene.github.person("alice").finish_ci(HELLO, tests=JobEnd("failure", LOG))
    assert bad.head_branch == made.branch
    # That the App has pushed it, or a branch's name, is not enough: what it has published is on file.
    kept = first.model_dump()
    scene.sql("UPDATE runs SET candidate = replace(candidate, :commit, :other) WHERE id = :id", commit=bad.head_sha, other="f" * 40, id=first.id)
    assert "nobody_stands_for_it" in (told(scene, bad).decision or "")
    scene.sql("UPDATE runs SET candidate = replace(candidate, :other, :commit) WHERE id = :id", commit=bad.head_sha, other="f" * 40, id=first.id)
    assert scene.run(first.id).model_dump() == kept
    run = started(scene, told(scene, bad))
    assert (run.event.actor.kind, run.event.number, run.parent_id) == ("operator", made.number, first.id)
    with scene.database.read() as tx:
        assert tickets.of_run(tx, run.id).is_by_person is False  # type: ignore[union-attr] # it was just made
    scene.work(run.id, {"app.py": "2\n"})
    scene.pump()
    assert isinstance(scene.outcome(run.id), PullRequest)
    again = scene.github.issue(HELLO, made.number)
    assert again.title == made.title
    assert f"#{made.number}" not in (again.body or "")
    # And so on, as long as the caps allow; where a person has pushed, it is theirs.
    bad = scene.github.person("alice").finish_ci(HELLO, tests=JobEnd("failure", LOG))
    assert started(scene, told(scene, bad)).event.actor.kind == "operator"
    scene.work(scene.all_runs()[0].id)
    scene.pump()
    scene.github.person("alice").push(HELLO, made.branch, {"app.py": "3\n"})
    theirs = scene.github.person("alice").finish_ci(HELLO, tests=JobEnd("failure", LOG))
    assert started(scene, told(scene, theirs)).event.actor == ALICE


@pytest.mark.slow  # three runs with a push each, and four ends of CI
def test_ci_of_what_was_asked_for_in_slack_is_mended_on_its_askers_word_counted_and_told_there(scene: Scene, more_permissions: dict[str, str]) -> None:
    for installation in scene.github.world.state.installations.values():
        installation.permissions |= more_permissions
    talk = talking(scene)
    linked(scene)
    scene.profiles["fix"] = profile(on={"slack": {}, "workflow_run": {}}, ci="run", limits={"ci_attempts": 2})
    alice = scene.github.person("alice")
    alice.push(HELLO, "main", {".github/workflows/ci.yml": "name: CI\non: push\n"})
    alice.finish_ci(HELLO, tests=JobEnd())
    first = say(scene, "@bellhop mend the tests").run_id
    assert first is not None
    start(scene.parts, first)
    scene.work(first, {"app.py": "1\n"})
    scene.pump()
    made = scene.outcome(first)
    assert isinstance(made, PullRequest), made
    for number in (1, 2):
        run = started(scene, told(scene, alice.finish_ci(HELLO, tests=JobEnd("failure", LOG))))
        assert (run.event.actor, run.event.number, run.event.source) == (ALICE, made.number, "github")
        assert talk.status(run.id).thread == THREAD
        scene.work(run.id, {"app.py": f"{number + 1}\n"})
        scene.pump()
        assert isinstance(scene.outcome(run.id), PullRequest)
        assert talk.status(run.id).state == "done"
        with scene.database.read() as tx:
            assert ci_attempts.count(tx, "github", REPO.id, run.works_on or "", run.case_id, None) == (1, number)
    last = told(scene, alice.finish_ci(HELLO, tests=JobEnd("failure", LOG)))
    assert (last.run_id, (last.decision or "").partition(" (")[0]) == (None, "ignore: attempts_used_up")
    assert any("has tried" in each.body for each in scene.comments(made.number))


def test_what_cannot_be_read_is_said_to_the_agent_and_to_people(scene: Scene, failing: WorkflowRun) -> None:
    number = scene.github.person("alice").open_pull(HELLO, "feature", "A feature").number
    scene.github.fault(Fault(path=r"/actions/jobs/\d+/logs", status=410, times=9))
    run = started(scene, told(scene, failing))
    assert "its log could not be fetched (GitHub answered 410)" in prompt(scene, run)
    scene.pump()
    assert "did not see: tests: its log could not be fetched" in scene.comments(number)[-1].body.replace("\\", "")


def test_t57_the_token_does_not_go_where_a_log_is(scene: Scene, failing: WorkflowRun, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []
    send = requests.Session.send

    def seen(self: requests.Session, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        asked.append((request.path_url, "authorization" in {name.lower() for name in request.headers}))
        return send(self, request, **more)

    monkeypatch.setattr(requests.Session, "send", seen)
    run = started(scene, told(scene, failing))
    assert "AssertionError" in prompt(scene, run)
    assert [has_token for path, has_token in asked if path.startswith("/_blobs/")] == [False]
    assert all(has_token for path, has_token in asked if path.endswith("/logs"))


def test_what_has_passed_on_another_attempt_before_it_began_is_flaky(scene: Scene, failing: WorkflowRun) -> None:
    entry = told(scene, failing)
    alice = scene.github.person("alice")
    alice.rerun_ci(HELLO, failing)
    alice.finish_ci(HELLO, tests=JobEnd())
    run = started(scene, entry)
    assert isinstance(run.outcome, NothingToDo)
    assert "CI has passed on attempt 2" in run.outcome.text
    assert scene.backend.created == []
    assert "head_done" in (told(scene, failing, conclusion="failure").decision or "")


def passes_now(scene: Scene, run: WorkflowRun) -> None:
    alice = scene.github.person("alice")
    alice.rerun_ci(HELLO, run)
    alice.finish_ci(HELLO, tests=JobEnd())


def test_what_passes_on_another_attempt_ends_the_live_run_and_no_claim_of_it_does(scene: Scene, failing: WorkflowRun) -> None:
    run = started(scene, told(scene, failing))
    scene.github.person("alice").set_status(HELLO, failing.head_sha, "success", "ci/other")
    told(scene, failing, kind="status", name="ci/other", id=77, conclusion="success")
    told(scene, failing, conclusion="success")
    assert not scene.run(run.id).cancel_requested
    passes_now(scene, failing)
    for _ in range(2):
        told(scene, failing, conclusion="success")
    assert scene.run(run.id).cancel_requested
    assert scene.runner(run.id).get("/runner/messages", params={"wait": 0}).json()["cancel"] is True
    scene.end(run.id, reason="cancelled")
    scene.pump()
    outcome = scene.outcome(run.id)
    assert isinstance(outcome, NothingToDo)
    assert "CI has passed on attempt 2" in outcome.text


def test_a_run_that_is_tried_again_counts_and_ends_like_the_first(scene: Scene, failing: WorkflowRun) -> None:
    scene.profiles["fix"] = profile(on={"workflow_run": {}, "issue_comment": {}})
    number = scene.github.person("alice").open_pull(HELLO, "feature", "A feature").number
    first = started(scene, told(scene, failing))
    scene.work(first.id, exit_code=1)
    scene.pump()
    asked = scene.ring(kind="issue_comment.created", number=number, is_pull_request=True, said="@bellhop retry")
    route(scene.parts, asked)
    again = started(scene, scene.entry(asked))
    assert (again.id != first.id, again.state, again.event.ci) == (True, "running", first.event.ci)
    with scene.database.read() as tx:
        assert ci_attempts.count(tx, "github", REPO.id, failing.head_sha, again.case_id, None) == (2, 2)
    passes_now(scene, failing)
    told(scene, failing, conclusion="success")
    assert scene.run(again.id).cancel_requested


def test_a_person_who_said_stop_first_keeps_the_work_that_there_is(scene: Scene, failing: WorkflowRun) -> None:
    run = started(scene, told(scene, failing))
    scene.sql("UPDATE runs SET stopped_by = 'alice'")
    passes_now(scene, failing)
    told(scene, failing, conclusion="success")
    assert not scene.run(run.id).cancel_requested


def test_what_has_passed_unheard_is_noticed_before_it_is_published(scene: Scene, failing: WorkflowRun) -> None:
    run = started(scene, told(scene, failing))
    passes_now(scene, failing)
    scene.work(run.id, {"app.py": "2\n"})
    scene.pump()
    assert isinstance(scene.outcome(run.id), NothingToDo)
    assert run.branch not in scene.branches()


def test_r26_nothing_is_published_while_nobody_may_be_asked_whether_it_has_passed(scene: Scene, failing: WorkflowRun) -> None:
    run = started(scene, told(scene, failing))
    passes_now(scene, failing)
    with scene.database.begin() as tx:
        pace.pause(tx, "github 55", 300, is_stated=True)
    # Whoever tells of the success waits, and is heard in the end.
    assert told(scene, failing, conclusion="success").state == "stored"
    with scene.database.begin() as tx:
        runs.mark(tx, run.id, PASSED)
    # Where it has been noticed, the run's last word does not wait for that.
    outcome = outcome_of(scene.parts, run, PublishRefused("Stopped.", reason="cancelled"))
    assert isinstance(outcome, NothingToDo)
    assert "it is flaky, not fixed" in outcome.text


def test_a_red_build_that_a_person_has_it_see_to_brings_its_log(scene: Scene, failing: WorkflowRun) -> None:
    scene.profiles["fix"] = profile(offer={"for": ["red-build"]})
    alice = scene.github.person("alice")
    number = alice.open_pull(HELLO, "feature", "A feature").number
    scene.deliveries += 1
    piece = Ci(id=failing.id, name=failing.name, conclusion="failure", head_commit=failing.head_sha, head_branch="feature", head_repo_id=REPO.id)
    red = Event(
        source="github", kind="workflow_run.completed", delivery_key="red", thread=f"github:{HELLO}#{number}", actor=MACHINE, repo=REPO,
        url="https://github.invalid/x", branch="feature", number=number, is_pull_request=True, title="CI", ci=piece,
    )
    press = red.model_copy(update={
        "kind": "check_run.requested_action", "delivery_key": "press", "actor": ALICE, "button": "fix",
        "ci": piece.model_copy(update={"id": 1, "name": "Bellhop: an offer", "conclusion": "neutral"}),
    })
    entries = []
    for each in (red, press):
        with scene.database.begin() as tx:
            inbox_id = inbox.store(tx, each).id
        route(scene.parts, inbox_id)
        entries.append(scene.entry(inbox_id))
    assert entries[0].state == "ignored"
    told_agent = prompt(scene, started(scene, entries[1]))
    assert "AssertionError: 1 != 2" in told_agent
    assert told_agent.count("Job: tests") == 1
    assert "branch `feature`" in told_agent
    assert KEY not in told_agent


@pytest.mark.parametrize("path", [r"/actions/jobs/\d+/logs$", r"/actions/runs/\d+/jobs$"])
def test_r26_a_log_is_waited_for_where_github_asks_for_that(scene: Scene, failing: WorkflowRun, path: str) -> None:
    entry = told(scene, failing)
    scene.github.fault(Fault(path=path, method="GET", status=429, headers={"retry-after": "300"}))
    run = started(scene, entry)
    assert run.state == "starting"
    assert 295 < scene.waits_seconds("runs", id=run.id) <= 300
    scene.later()
    assert "AssertionError" in prompt(scene, started(scene, entry))
