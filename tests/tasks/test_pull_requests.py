"""Work on somebody's pull request: which commit, whose configuration, where the result goes, and what a fork gets."""

from __future__ import annotations

from pathlib import Path

import pytest
from httpx import HTTPStatusError

from app.core.event import Actor
from app.core.outcome import Message, PullRequest, Refused
from app.core.run import Run
from app.emulators.github import Fault, SeedRepository
from app.ledger import sandboxes
from tasks.route import route
from tasks.start import start
from tests.github_at_work import REPO
from tests.tasks.scene import Scene, profile

HELLO = "octo/hello"
EVIL = {"CLAUDE.md": "evil\n", ".claude/settings.json": "evil\n", "sub/AGENTS.md": "evil\n", "app.py": "print(1)\n"}


@pytest.fixture
def pull(scene: Scene) -> int:
    """Alice's pull request, with configuration of its own; the default branch has another one."""
    alice = scene.github.person("alice")
    alice.push(HELLO, "main", {"CLAUDE.md": "good\n", ".codex/config.toml": "good\n"})
    alice.push(HELLO, "feature", EVIL)
    return alice.open_pull(HELLO, "feature", "A feature").number


@pytest.fixture
def fork(scene: Scene) -> int:
    """A stranger's pull request from a fork."""
    eve = scene.github.person("eve")
    scene.github.person("alice").push(HELLO, "main", {"CLAUDE.md": "good\n"})
    scene.github.add_repository(SeedRepository(full_name="eve/hello", fork_of=HELLO, default_branch="main", private=False))
    eve.push("eve/hello", "patch", EVIL)
    return eve.open_pull(HELLO, "eve:patch", "A patch").number


def asked(scene: Scene, number: int, said: str = "@bellhop mend it") -> Run:
    """Let alice comment in a pull request, and route that."""
    inbox_id = scene.ring(kind="issue_comment.created", said=said, number=number, is_pull_request=True)
    route(scene.parts, inbox_id)
    run_id = scene.entry(inbox_id).run_id
    assert run_id is not None, scene.entry(inbox_id)
    return scene.run(run_id)


def started(scene: Scene, number: int) -> Run:
    run = asked(scene, number)
    start(scene.parts, run.id)
    return scene.run(run.id)


def checkout(scene: Scene, run: Run) -> dict[str, str]:
    """What the agent sees."""
    [tree] = (scene.settings.state_dir / "bases").glob(f"{REPO.id}-{run.base_commit}-*/tree")
    return {
        path.relative_to(tree).as_posix(): path.read_text() for path in sorted(tree.rglob("*"))
        if path.is_file() and Path(tree / ".git") not in path.parents
    }


def refusal(scene: Scene, run: Run) -> Refused:
    outcome = scene.outcome(run.id)
    assert isinstance(outcome, Refused)
    return outcome


def test_t11_t27_a_run_works_at_the_head_with_the_default_branchs_configuration(scene: Scene, pull: int) -> None:
    run = started(scene, pull)
    assert run.event.pull is not None
    assert run.event.pull.head_commit == scene.github.branches(HELLO)["feature"] != run.base_commit
    assert checkout(scene, run) == {
        "README.md": "hello\n", "app.py": "print(1)\n", "CLAUDE.md": "good\n", ".codex/config.toml": "good\n",
    }
    assert run.event.pull.head_commit in scene.comments(pull)[0].body


def test_its_result_is_a_pull_request_for_that_branch_without_the_swapped_configuration(scene: Scene, pull: int) -> None:
    run = started(scene, pull)
    scene.work(run.id, {"app.py": "print(2)\n"})
    scene.pump()
    outcome = scene.outcome(run.id)
    assert isinstance(outcome, PullRequest), outcome
    assert (outcome.draft, outcome.warnings) == (False, ())
    made = scene.github.issue(HELLO, outcome.number)
    assert made.pull is not None
    assert (made.pull.base_ref, made.pull.head_ref) == ("feature", run.branch)
    commit = scene.github.commit(HELLO, run.branch)
    assert commit.parents == (scene.github.branches(HELLO)["feature"],)
    assert scene.github.read(HELLO, run.branch, "CLAUDE.md") == "evil\n"
    assert scene.github.read(HELLO, run.branch, "app.py") == "print(2)\n"
    assert "- `app.py` (`M`, +1 -1)" in (made.body or "")
    assert "CLAUDE" not in (made.body or "")
    assert "Fixes" not in (made.body or "")
    assert scene.left() == []


def test_t27_what_the_agent_makes_of_that_configuration_is_left_out_and_said(scene: Scene, pull: int) -> None:
    run = started(scene, pull)
    scene.work(run.id, {"app.py": "print(2)\n", "CLAUDE.md": "the agent's\n"})
    scene.pump()
    outcome = scene.outcome(run.id)
    assert isinstance(outcome, PullRequest), outcome
    assert outcome.draft
    assert [warning for warning in outcome.warnings if "CLAUDE.md" in warning]
    assert scene.github.read(HELLO, run.branch, "CLAUDE.md") == "evil\n"


def test_a_result_of_nothing_but_such_configuration_is_refused(scene: Scene, pull: int) -> None:
    run = started(scene, pull)
    scene.work(run.id, {"CLAUDE.md": "the agent's\n"})
    scene.pump()
    assert refusal(scene, run).reason == "config_only"
    assert run.branch not in scene.branches()


def test_t41_nothing_of_a_head_makes_its_own_sandbox(scene: Scene, pull: int) -> None:
    """Image, check and limits are the host's profile's, whatever a pull request says of containers, set-up or profiles."""
    made = {".devcontainer/devcontainer.json": '{"image": "evil"}', "Dockerfile": "FROM evil\n", "profiles/fix.yaml": "verify: evil\n"}
    scene.github.person("alice").push(HELLO, "feature", dict(made))
    run = started(scene, pull)
    with scene.database.read() as tx:
        [row] = sandboxes.of_run(tx, run.id)
    assert "evil" not in row.assignment.model_dump_json()
    assert run.profile == scene.profiles["fix"]
    assert (run.backend, run.isolation) == ("fake", "process")


def test_t11_what_is_pushed_after_the_comment_is_not_worked_on(scene: Scene, pull: int) -> None:
    run = asked(scene, pull)
    seen = scene.github.branches(HELLO)["feature"]
    scene.github.person("alice").push(HELLO, "feature", {"app.py": "evil\n"})
    start(scene.parts, run.id)
    assert checkout(scene, scene.run(run.id))["app.py"] == "print(1)\n"
    scene.work(run.id, {"README.md": "mended\n"})
    scene.pump()
    assert isinstance(scene.outcome(run.id), PullRequest)
    assert scene.github.commit(HELLO, run.branch).parents == (seen,)


def test_t12_a_fork_gets_words_and_nothing_else(scene: Scene, fork: int) -> None:
    run = started(scene, fork)
    assert run.profile.workspace == "ro"
    assert checkout(scene, run) == {"README.md": "hello\n", "app.py": "print(1)\n", "CLAUDE.md": "good\n"}
    assert "fork" in scene.comments(fork)[0].body
    before = scene.github.branches(HELLO)
    with pytest.raises(HTTPStatusError, match="409"):
        scene.work(run.id, {"app.py": "print(2)\n"})
    scene.end(run.id, exit_code=0, has_bundle=True, head_commit=run.base_commit)
    scene.pump()
    outcome = scene.outcome(run.id)
    assert isinstance(outcome, Message), outcome
    assert outcome.text == "done"
    assert "fork" in scene.comments(fork)[0].body
    assert scene.github.branches(HELLO) == before
    assert [one.number for one in scene.github.pull_requests(HELLO)] == [fork]
    assert scene.left() == []


def test_t12_a_listed_programs_run_on_a_fork_only_reads(scene: Scene, fork: int) -> None:
    scene.profiles["fix"] = profile(who={"apps": [901]})
    helper = Actor(id="901", login="helper[bot]", kind="bot")
    inbox_id = scene.ring(kind="issue_comment.created", said="@bellhop mend it", number=fork, is_pull_request=True, actor=helper)
    route(scene.parts, inbox_id)
    [run] = scene.all_runs()
    assert run.event.is_from_fork
    assert run.profile.workspace == "ro"
    start(scene.parts, run.id)
    assert scene.run(run.id).state == "running", scene.run(run.id)


def test_t12_a_fork_is_told_by_the_repositorys_id_and_not_by_its_name(scene: Scene, fork: int) -> None:
    """Eve's branch has the name of one of ours, and her repository that of ours."""
    run = asked(scene, fork)
    assert run.event.pull is not None
    assert run.event.pull.head_repo_id != REPO.id
    assert run.event.is_from_fork


@pytest.mark.parametrize("what", ["closed", "merged", "branch deleted"])
def test_a_pull_request_that_is_over_is_refused_in_words(scene: Scene, pull: int, what: str) -> None:
    alice = scene.github.person("alice")
    if what == "merged":
        alice.merge(HELLO, pull)
    elif what == "closed":
        alice.close(HELLO, pull)
    else:
        alice.delete_branch(HELLO, "feature")
    run = started(scene, pull)
    assert refusal(scene, run).reason == "pull_request_closed"
    assert f"is {'merged' if what == 'merged' else 'closed'}, so there is nothing to work on" in scene.comments(pull)[0].body
    assert scene.backend.created == []


@pytest.mark.parametrize("what", ["closed", "rewritten"])
def test_a_head_that_is_over_or_rewritten_meanwhile_gets_nothing(scene: Scene, pull: int, what: str) -> None:
    run = started(scene, pull)
    scene.work(run.id, {"app.py": "print(2)\n"})
    alice = scene.github.person("alice")
    if what == "closed":
        alice.close(HELLO, pull)
    else:
        alice.push(HELLO, "other", {"x": "x"})
        alice.force_push(HELLO, "feature", scene.github.branches(HELLO)["other"])
    scene.pump()
    assert refusal(scene, run).reason == "base_moved"
    assert run.branch not in scene.branches()


def test_a_comment_in_bellhops_own_pull_request_goes_on_with_it(scene: Scene) -> None:
    first = scene.started()
    scene.work(first, {"README.md": "one\n"})
    scene.pump()
    made = scene.outcome(first)
    assert isinstance(made, PullRequest)
    run = started(scene, made.number)
    assert run.case_id == scene.run(first).case_id
    assert checkout(scene, run)["README.md"] == "one\n"
    scene.work(run.id, {"more.txt": "two\n"})
    scene.pump()
    again = scene.outcome(run.id)
    assert isinstance(again, PullRequest), again
    assert again.number == made.number
    pull = scene.github.issue(HELLO, made.number).pull
    assert pull is not None
    assert pull.base_ref == "main"
    assert scene.github.read(HELLO, run.branch, "README.md") == "one\n"
    assert scene.github.read(HELLO, run.branch, "more.txt") == "two\n"


def test_t66_what_came_onto_bellhops_own_branch_meanwhile_is_not_replaced(scene: Scene) -> None:
    """Another run of the case has published there since: that one is the newest on file, and still not this run's to replace."""
    first = scene.started()
    scene.work(first, {"README.md": "one\n"})
    scene.pump()
    made = scene.outcome(first)
    assert isinstance(made, PullRequest)
    run = started(scene, made.number)
    scene.work(run.id, {"more.txt": "two\n"})
    theirs = scene.github.person("alice").push(HELLO, run.branch, {"README.md": "hers\n"})
    scene.sql("UPDATE runs SET candidate = replace(candidate, :seen, :now) WHERE id = :id", id=first, now=theirs, seen=run.base_commit)
    scene.pump()
    assert refusal(scene, run).reason == "base_moved"
    assert scene.github.branches(HELLO)[run.branch] == theirs


def test_a_comment_there_while_the_first_run_is_live_is_a_follow_up(scene: Scene) -> None:
    first = scene.started()
    scene.work(first, {"README.md": "one\n"})
    scene.pump()
    made = scene.outcome(first)
    assert isinstance(made, PullRequest)
    live = scene.started()
    inbox_id = scene.ring(kind="issue_comment.created", said="and this", number=made.number, is_pull_request=True)
    route(scene.parts, inbox_id)
    assert scene.entry(inbox_id).run_id == live


def test_the_prompt_says_where_it_works(scene: Scene, fork: int) -> None:
    run = started(scene, fork)
    with scene.database.read() as tx:
        [row] = sandboxes.of_run(tx, run.id)
    told = "".join(row.assignment.files.values())
    assert f"the head of pull request #{fork}" in told
    assert "answer in words" in told
    assert "proposed as one pull request" not in told


def test_which_files_it_changes_is_asked_only_where_a_profile_wants_to_know(scene: Scene, pull: int) -> None:
    def opened(**filters: object) -> int:
        scene.profiles["fix"] = profile(on={"pull_request": filters})
        inbox_id = scene.ring(kind="pull_request.opened", number=pull, is_pull_request=True)
        route(scene.parts, inbox_id)
        return inbox_id

    # Whoever asks hears that GitHub is down: once for each event, where the look for a changed `.bellhop/` is the first one's only question.
    scene.github.fault(Fault(path=f"/pulls/{pull}/files", status=503, times=2))
    unasked = scene.entry(opened(branches=["other"], paths=["app.py"]))
    assert (unasked.state, "on.pull_request.branches" in (unasked.decision or "")) == ("ignored", True)
    asked_id = opened(paths=["docs/**"])
    assert "github_down" in (scene.entry(asked_id).decision or "")
    scene.later()
    route(scene.parts, asked_id)
    assert "whose `on.pull_request.paths` says no: none of the 4 changed files is one of docs/**" in (scene.entry(asked_id).decision or "")
    taken = scene.entry(opened(paths=["docs/**", "*.py"]))
    assert (taken.decision or "").startswith("start: profile fix takes pull_request.opened")
    assert scene.github.live_tokens() == []
