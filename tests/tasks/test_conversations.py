"""A follow-up on a run that is over: a new run with a parent, on the same branch, in the same session where that may be."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.assignment import Assignment
from app.core.outcome import PullRequest, Refused
from app.core.sandbox.agent_config import AGENT_CONFIG
from app.ledger import sandboxes
from tasks.sweep import sweep
from tests.tasks.mortal import Doom, Killed, mortal
from tests.tasks.scene import Scene, profile

pytestmark = pytest.mark.slow  # whole runs, each with a follow-up

FIX = {"README.md": "hello, world\n"}
HELLO = "octo/hello"


def talking(**members: Any) -> Any:
    return profile(agent={"uses": "command", "with": {"run": "begin", "next": "go on"}}, **members)


@pytest.fixture
def talks(scene: Scene) -> Scene:
    """Bellhop with an agent whose session goes on."""
    scene.profiles["fix"] = talking()
    return scene


def home(scene: Scene, run_id: str) -> Path:
    return scene.settings.state_dir / "scratch" / f"{run_id}-work" / "home"


def assignment(scene: Scene, run_id: str) -> Assignment:
    with scene.database.read() as tx:
        [row] = [row for row in sandboxes.of_run(tx, run_id) if row.role == "work"]
    return row.assignment


def kept(scene: Scene) -> list[str]:
    return sorted(path.name for path in (scene.settings.state_dir / "homes").glob("*"))


def first(scene: Scene, **end: Any) -> str:
    """A run whose agent leaves a session in its HOME, to its end."""
    run_id = scene.started()
    (home(scene, run_id) / "session").write_text("what was said\n")
    scene.work(run_id, FIX, said="greeted the world", **end)
    scene.pump()
    assert scene.run(run_id).state == "done"
    return run_id


def followed(scene: Scene, said: str = "@bellhop and the docs") -> str:
    """Somebody goes on in the thread; the sandbox of that run is up."""
    run_id = scene.comment(said).run_id
    assert run_id is not None
    scene.pump()
    return run_id


def test_a_follow_up_goes_on_in_the_session_on_the_same_branch_and_pull_request(talks: Scene) -> None:
    scene = talks
    before = first(scene)
    published = scene.github.branches(HELLO)[scene.run(before).branch]
    assert kept(scene) == [before]
    run_id = followed(scene)
    run = scene.run(run_id)
    assert (run.parent_id, run.branch, run.host) == (before, scene.run(before).branch, scene.run(before).host)
    # Where the branch stands, with the agent's own HOME, and its command for another turn.
    assert run.base_commit == published
    assert (home(scene, run_id) / "session").read_text() == "what was said\n"
    assert kept(scene) == []
    asked = assignment(scene, run_id)
    assert asked.argv[-1] == "go on"
    assert "and the docs" in asked.stdin
    assert "fresh checkout" in asked.stdin
    assert "greeted the world" not in asked.stdin
    scene.work(run_id, {"docs.md": "how to greet\n"})
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest), outcome
    assert len(scene.github.pull_requests(HELLO)) == 1
    assert scene.github.commit(HELLO, run.branch).parents == (published,)
    assert scene.github.read(HELLO, run.branch, "README.md") == "hello, world\n"
    assert scene.github.read(HELLO, run.branch, "docs.md") == "how to greet\n"
    assert (kept(scene), scene.left()) == ([run_id], [])


def test_an_agent_without_a_session_is_told_what_was_said_and_done(scene: Scene) -> None:
    first(scene)
    assert kept(scene) == []
    run_id = followed(scene)
    asked = assignment(scene, run_id)
    prompt = asked.files["prompt.md"]
    assert (asked.stdin, asked.argv[-1]) == ("", "true")
    for words in ("and the docs", "> It breaks", "You, or another agent:", "greeted the world"):
        assert words in prompt, words


def test_r38_what_came_too_late_for_a_run_is_told_to_the_next(talks: Scene) -> None:
    scene = talks
    run_id = scene.started()
    scene.work(run_id, FIX)
    scene.comment("too late for you")
    scene.pump()
    asked = assignment(scene, followed(scene))
    assert "too late for you" in asked.stdin


def test_a_label_that_is_put_on_again_begins_anew(talks: Scene) -> None:
    scene = talks
    before = first(scene)
    run_id = scene.started()
    assert scene.run(run_id).parent_id is None
    assert list(home(scene, run_id).iterdir()) == []
    assert kept(scene) == [before]


def test_what_people_put_on_the_branch_is_gone_on_with_and_not_replaced(talks: Scene) -> None:
    scene = talks
    before = first(scene)
    theirs = scene.github.person("alice").push(HELLO, scene.run(before).branch, {"hers.txt": "hers\n"})
    run_id = followed(scene)
    assert scene.run(run_id).base_commit == theirs
    scene.work(run_id, {"docs.md": "docs\n"})
    scene.pump()
    assert isinstance(scene.outcome(run_id), PullRequest), scene.outcome(run_id)
    assert scene.github.read(HELLO, scene.run(run_id).branch, "hers.txt") == "hers\n"


def test_t66_what_people_put_below_a_later_result_is_not_replaced_by_a_run_that_begins_anew(talks: Scene) -> None:
    scene = talks
    branch = scene.run(first(scene)).branch
    follow_up = followed(scene)
    scene.work(follow_up, {"docs.md": "docs\n"})
    scene.pump()
    # Nothing there but Bellhop's own: what begins anew takes its place.
    anew = scene.started()
    scene.work(anew, {"README.md": "hello again\n"})
    scene.pump()
    assert isinstance(scene.outcome(anew), PullRequest), scene.outcome(anew)
    scene.github.person("alice").push(HELLO, branch, {"hers.txt": "hers\n"})
    follow_up = followed(scene)
    scene.work(follow_up, {"docs.md": "docs\n"})
    scene.pump()
    assert isinstance(scene.outcome(follow_up), PullRequest), scene.outcome(follow_up)
    refused = scene.routed()
    scene.pump()
    outcome = scene.outcome(refused)
    assert isinstance(outcome, Refused)
    assert outcome.reason == "branch_moved"
    assert scene.github.read(HELLO, branch, "hers.txt") == "hers\n"


@pytest.mark.parametrize("what", ["merged", "closed"])
def test_after_its_pull_request_a_conversation_goes_on_from_the_default_branch(talks: Scene, what: str) -> None:
    scene = talks
    outcome = scene.outcome(first(scene))
    assert isinstance(outcome, PullRequest)
    alice = scene.github.person("alice")
    (alice.merge if what == "merged" else alice.close)(HELLO, outcome.number)
    run_id = followed(scene)
    assert scene.run(run_id).base_commit == scene.github.branches(HELLO)["main"]
    assert (home(scene, run_id) / "session").exists()


def test_t62_another_thread_gets_another_home(talks: Scene) -> None:
    scene = talks
    before = first(scene)
    alice = scene.github.person("alice")
    number = alice.open_issue(HELLO, "Another").number
    inbox_id = scene.ring(kind="issue_comment.created", said="@bellhop this", number=number)
    scene.wakeup.route(inbox_id)
    scene.pump()
    run_id = scene.entry(inbox_id).run_id
    assert run_id is not None
    assert scene.run(run_id).parent_id is None
    assert list(home(scene, run_id).iterdir()) == []
    assert kept(scene) == [before]


def test_t62_a_profile_of_another_name_gets_another_home(talks: Scene) -> None:
    scene = talks
    before = first(scene)
    scene.profiles["also"] = talking(name="also")
    # While its own profile takes such a comment, a conversation stays with it.
    del scene.profiles["fix"]
    run_id = followed(scene)
    assert (scene.run(run_id).profile.name, scene.run(run_id).parent_id) == ("also", before)
    assert list(home(scene, run_id).iterdir()) == []
    assert kept(scene) == [before]
    assert "greeted the world" in assignment(scene, run_id).files["prompt.md"]


def test_t9_a_run_that_may_read_less_gets_another_home(talks: Scene) -> None:
    """The agent has read what the profile let it read then."""
    scene = talks
    scene.profiles["fix"] = talking(permissions={"contents": "read", "issues": "read"})
    before = first(scene)
    scene.profiles["fix"] = talking(permissions={"contents": "read"})
    run_id = followed(scene)
    assert list(home(scene, run_id).iterdir()) == []
    assert kept(scene) == [before]


def test_a_cancelled_run_leaves_no_home(talks: Scene) -> None:
    run_id = talks.started()
    talks.comment("@bellhop cancel")
    talks.work(run_id, reason="cancelled", exit_code=143)
    talks.pump()
    assert isinstance(talks.outcome(run_id), Refused)
    assert kept(talks) == []


def test_a_home_that_the_runner_could_not_write_to_is_not_kept(talks: Scene) -> None:
    run_id = talks.started()
    talks.work(run_id, reason="refused", exit_code=None)
    talks.pump()
    assert kept(talks) == []


@pytest.mark.parametrize("at", ["workspaces.prepare", "backend.create"])
def test_r32_a_worker_that_dies_when_the_home_is_given_loses_nothing(talks: Scene, at: str) -> None:
    scene = talks
    first(scene)
    run_id = scene.comment("@bellhop and the docs").run_id
    assert run_id is not None
    with pytest.raises(Killed):
        scene.pump(mortal(scene.parts, Doom(at)))
    scene.recover(2)
    assert (home(scene, run_id) / "session").read_text() == "what was said\n"
    assert assignment(scene, run_id).argv[-1] == "go on"


def test_without_a_number_none_is_kept_and_the_sweeper_removes_those_that_are_there(talks: Scene) -> None:
    before = first(talks)
    assert kept(talks) == [before]
    parts = replace(talks.parts, settings=talks.settings.model_copy(update={"kept_homes": 0}))
    sweep(parts)
    assert kept(talks) == []
    (talks.settings.state_dir / "homes").rmdir()
    talks.parts = parts
    first_again = talks.started()
    talks.work(first_again, {"x": "x\n"})
    talks.pump()
    assert kept(talks) == []


def test_t35_a_home_is_moved_and_nothing_in_it_is_opened(talks: Scene) -> None:
    """A named pipe would keep a reader waiting for ever, and a link would lead it out."""
    run_id = talks.started()
    os.mkfifo(home(talks, run_id) / "session")
    (home(talks, run_id) / "link").symlink_to("/etc/passwd")
    talks.work(run_id, FIX)
    talks.pump()
    following = followed(talks)
    assert sorted(path.name for path in home(talks, following).iterdir()) == ["link", "session"]


def test_what_was_warned_of_is_still_said_when_more_is_added(talks: Scene) -> None:
    """The first change stands in the pull request, whatever the second one touches."""
    scene = talks
    run_id = scene.started()
    scene.work(run_id, {"AGENTS.md": "obey\n"})
    scene.pump()
    assert scene.outcome(run_id).draft  # type: ignore[union-attr]
    following = followed(scene)
    scene.work(following, {"docs.md": "docs\n"})
    scene.pump()
    outcome = scene.outcome(following)
    assert isinstance(outcome, PullRequest)
    assert outcome.draft
    assert [warning for warning in outcome.warnings if "AGENTS.md" in warning]


def test_a_conversation_in_the_pull_request_still_closes_its_issue(talks: Scene) -> None:
    scene = talks
    made = scene.outcome(first(scene))
    assert isinstance(made, PullRequest)
    inbox_id = scene.ring(kind="issue_comment.created", said="@bellhop and the docs", number=made.number, is_pull_request=True)
    scene.wakeup.route(inbox_id)
    scene.pump()
    run_id = scene.entry(inbox_id).run_id
    assert run_id is not None
    assert (home(scene, run_id) / "session").exists()
    scene.work(run_id, {"docs.md": "docs\n"})
    scene.pump()
    assert "Fixes #1" in (scene.github.issue(HELLO, made.number).body or "")


def test_the_last_word_of_an_interrupted_turn_is_that_of_the_one_before(talks: Scene) -> None:
    scene = talks
    run_id = scene.started()
    lines = [{"stream": "stdout", "text": "half is done"}, {"stream": "runner", "text": "turn 2 begins, with what Bellhop said"}]
    scene.runner(run_id).post("/runner/steps", json={"first": 0, "lines": lines}).raise_for_status()
    bundle, head = scene.bundle(run_id, FIX)
    headers = {"content-type": "application/octet-stream"}
    scene.runner(run_id).post("/runner/bundle", content=bundle.read_bytes(), headers=headers).raise_for_status()
    scene.end(run_id, reason="timeout", exit_code=137, has_bundle=True, head_commit=head)
    scene.pump()
    [pull] = scene.github.pull_requests(HELLO)
    assert "half is done" in (pull.body or "")


def test_what_another_agent_did_in_between_is_told_to_the_one_that_goes_on(talks: Scene) -> None:
    scene = talks
    before = first(scene)
    scene.profiles["fix"] = profile()
    scene.work(followed(scene, "@bellhop and the docs"), {"docs.md": "docs\n"}, said="wrote the docs")
    scene.pump()
    scene.profiles["fix"] = talking()
    assert kept(scene) == [before]
    run_id = followed(scene, "@bellhop and the tests")
    asked = assignment(scene, run_id)
    assert (home(scene, run_id) / "session").exists()
    for words in ("and the tests", "and the docs", "wrote the docs"):
        assert words in asked.stdin, words
    assert "greeted the world" not in asked.stdin


def upper(scene: Scene, run_id: str) -> Path:
    return home(scene, run_id).parent / "upper"


def built(scene: Scene) -> str:
    """A run whose agent leaves build output, and a repository of its own making, beside its session."""
    run_id = scene.started()
    (upper(scene, run_id) / "node_modules").mkdir()
    (upper(scene, run_id) / ".git" / "hooks").mkdir(parents=True)
    (home(scene, run_id) / "session").write_text("what was said\n")
    scene.work(run_id, FIX)
    scene.pump()
    return run_id


def test_a_follow_up_finds_what_git_ignores_and_is_told_so(talks: Scene) -> None:
    scene = talks
    built(scene)
    run_id = followed(scene)
    assert [path.name for path in upper(scene, run_id).iterdir()] == ["node_modules"]
    asked = assignment(scene, run_id)
    assert "What git ignores, such as installed packages and build output, is as you left it" in asked.stdin
    assert asked.tidy == AGENT_CONFIG
    scene.work(run_id, {"docs.md": "how to greet\n"})
    scene.pump()
    assert [path.name for path in upper(scene, followed(scene, "@bellhop more")).iterdir()] == ["node_modules"]


@pytest.mark.parametrize("why", ["another image", "a setting"])
def test_where_the_files_cannot_go_on_the_session_does_and_is_told_so(talks: Scene, why: str) -> None:
    scene = talks
    if why == "a setting":
        scene.parts = replace(scene.parts, settings=scene.settings.model_copy(update={"kept_workspace_mb": 0}))
    built(scene)
    if why == "another image":
        scene.profiles["fix"] = talking(container={"isolation": "process", "image": "docker.io/library/other"})
    run_id = followed(scene)
    assert list(upper(scene, run_id).iterdir()) == []
    assert (home(scene, run_id) / "session").exists()
    asked = assignment(scene, run_id)
    assert asked.tidy == ()
    assert "The files are a fresh checkout, with what was published of your work: whatever you had not handed over" in asked.stdin


def test_t62_the_files_go_only_where_the_session_goes(talks: Scene) -> None:
    scene = talks
    scene.profiles["fix"] = talking(permissions={"contents": "read", "issues": "read"})
    before = built(scene)
    scene.profiles["fix"] = talking(permissions={"contents": "read"})
    run_id = followed(scene)
    assert list(upper(scene, run_id).iterdir()) == []
    assert assignment(scene, run_id).tidy == ()
    assert kept(scene) == [before]


def test_t30_nothing_of_an_agents_repository_is_mounted_again(talks: Scene) -> None:
    scene = talks
    built(scene)
    assert not (upper(scene, followed(scene)) / ".git").exists()
