"""What is for a draft only never lands on a pull request that is ready for review."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.outcome import PullRequest, Refused
from app.emulators.github import Fault
from tests.tasks.scene import Scene, profile

pytestmark = pytest.mark.slow  # two whole runs each

HELLO = "octo/hello"
CONVERT = r"/api/graphql$"


def ready(scene: Scene) -> str:
    """A run whose pull request is ready for review, and one more of the same conversation, whose sandbox is up."""
    run_id = scene.started()
    scene.work(run_id, {"README.md": "hello, world\n"})
    scene.pump()
    verified(scene, run_id, 0)
    assert (outcome(scene, run_id).draft, on_github(scene)) == (False, False)
    following = scene.comment("@bellhop and the docs").run_id
    assert following is not None
    scene.pump()
    return following


def verified(scene: Scene, run_id: str, exit_code: int) -> None:
    if scene.run(run_id).profile.verify is not None:
        scene.end(run_id, "verify", exit_code=exit_code)
        scene.pump()


def outcome(scene: Scene, run_id: str) -> PullRequest:
    found = scene.outcome(run_id)
    assert isinstance(found, PullRequest), found
    return found


def on_github(scene: Scene) -> bool:
    """Whether the one pull request is a draft there."""
    [pull] = scene.github.pull_requests(HELLO)
    assert pull.pull is not None
    return pull.pull.draft


@pytest.fixture(params=["verify fails", "stopped", "unfinished"])
def worse(request: pytest.FixtureRequest, scene: Scene) -> str:
    """A follow-up on a ready pull request whose work is on file, and is for a draft."""
    if request.param == "verify fails":
        scene.profiles["fix"] = profile(verify="false")
    run_id = ready(scene)
    end: dict[str, Any] = {}
    if request.param == "stopped":
        scene.comment("@bellhop stop")
        end = {"reason": "cancelled", "exit_code": 143}
    elif request.param == "unfinished":
        end = {"reason": "timeout", "exit_code": 143}
    scene.work(run_id, {"half.md": "half done\n"}, **end)
    return run_id


def published(scene: Scene, run_id: str) -> None:
    scene.pump()
    verified(scene, run_id, 1)


def test_t66_what_is_for_a_draft_makes_a_ready_pull_request_one_first(scene: Scene, worse: str) -> None:
    published(scene, worse)
    assert (outcome(scene, worse).draft, on_github(scene)) == (True, True)
    assert scene.github.read(HELLO, scene.run(worse).branch, "half.md") == "half done\n"
    assert "Draft pull request" in scene.comments()[-1].body


def test_t66_where_github_makes_it_none_nothing_is_pushed(scene: Scene, worse: str) -> None:
    before = scene.github.branches(HELLO)
    scene.github.fault(Fault(path=CONVERT, status=200, body={"errors": [{"type": "FORBIDDEN", "message": "Not for you"}]}))
    published(scene, worse)
    found = scene.outcome(worse)
    assert isinstance(found, Refused)
    assert (found.reason, "Not for you" in found.text) == ("not_a_draft", True)
    assert (scene.github.branches(HELLO), on_github(scene), scene.left()) == (before, False, [])


def test_r26_a_github_that_is_down_meanwhile_is_asked_again(scene: Scene) -> None:
    scene.profiles["fix"] = profile(verify="false")
    run_id = ready(scene)
    scene.work(run_id, {"half.md": "half done\n"})
    scene.github.fault(Fault(path=CONVERT, status=502))
    published(scene, run_id)
    assert (scene.run(run_id).state, on_github(scene)) == ("publishing", False)
    scene.recover(2)
    assert (outcome(scene, run_id).draft, on_github(scene)) == (True, True)


def test_a_good_result_leaves_a_draft_a_draft_and_says_so(scene: Scene) -> None:
    run_id = scene.started()
    scene.work(run_id, {"a.md": "a\n"}, reason="timeout", exit_code=143)
    scene.pump()
    following = scene.comment("@bellhop go on").run_id
    assert following is not None
    scene.pump()
    scene.work(following, {"b.md": "b\n"})
    scene.pump()
    assert (outcome(scene, following).draft, on_github(scene)) == (True, True)
