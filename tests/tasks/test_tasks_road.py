"""The whole way, from an event on file to a pull request, step by step."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import SecretStr

from app.core.outcome import Failed, NothingToDo, PullRequest
from app.ledger import acknowledged, runs, tallies
from tasks.replying.replies import deliver
from tasks.start import start
from tests.tasks.mortal import Doom, Killed, mortal
from tests.tasks.scene import Scene, profile

FIX = {"README.md": "hello, world\n"}


def test_a_label_becomes_one_branch_one_pull_request_and_one_comment(scene: Scene) -> None:
    run_id = scene.started()
    assert "the agent is working" in scene.comments()[0].body
    scene.work(run_id, FIX)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest)
    [pull] = scene.github.pull_requests("octo/hello")
    assert (pull.number, [pull.pull.head_ref if pull.pull else ""]) == (outcome.number, scene.branches())
    [comment] = scene.comments()
    assert outcome.url in comment.body
    assert comment.via_app
    assert scene.github.live_tokens() == []
    assert scene.left() == []
    with scene.database.read() as tx:
        assert tallies.totals(tx, "outcome") == {("fix", "pull_request", ""): 1}
        assert tallies.totals(tx, "decision") == {("github", "start", ""): 1}
        assert tallies.totals(tx, "cost") == {("fix",): 0}
        assert acknowledged.histogram(tx)[0][-1] == ("+Inf", 1)


def test_the_result_is_verified_in_a_second_sandbox(scene: Scene) -> None:
    scene.profiles["fix"] = profile(verify="grep world README.md")
    run_id = scene.started()
    scene.work(run_id, FIX)
    scene.pump()
    assert scene.run(run_id).state == "verifying"
    assert "fresh sandbox" in scene.comments()[0].body
    assert list(scene.backend.find()) == [f"{run_id}-verify"]
    scene.end(run_id, "verify", exit_code=1)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest)
    assert outcome.verify is not None
    assert (outcome.verify.passed, outcome.draft) == (False, True)
    assert scene.left() == []


def test_an_agent_that_says_a_secret_is_not_quoted_with_it(scene: Scene) -> None:
    secret, shaped = "a webhook secret of ours", "sk-ant-api03-abcdefghijklmnopqrstuvwxyz"
    settings = scene.settings.model_copy(update={"github_webhook_secret": SecretStr(secret)})
    run_id = scene.started()
    scene.work(run_id, FIX, said=f"I found {shaped} and {secret}")
    scene.pump(replace(scene.parts, settings=settings))
    [pull] = scene.github.pull_requests("octo/hello")
    message = scene.github.commit("octo/hello", scene.branches()[0]).message
    for text in (pull.body or "", message):
        assert "I found" in text
        assert shaped not in text
        assert secret not in text


def test_no_change_is_said_and_opens_nothing(scene: Scene) -> None:
    run_id = scene.started()
    scene.work(run_id, said="there is nothing to mend")
    scene.pump()
    assert scene.outcome(run_id) == NothingToDo(text="there is nothing to mend")
    assert scene.branches() == []
    assert "there is nothing to mend" in scene.comments()[0].body


def test_a_failed_agent_without_a_change_is_one_line(scene: Scene) -> None:
    run_id = scene.started()
    scene.work(run_id, exit_code=3)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.who) == ("agent_failed", "person")
    assert "exit code 3" in scene.comments()[0].body


def test_an_end_that_comes_while_the_start_is_not_over_wakes_finish_again(scene: Scene) -> None:
    """R6: the sandbox may be faster than the note of its handle, when the lease is still the starter's."""
    run_id = scene.routed()
    create = scene.backend.create

    def fast(spec: object) -> object:
        handle = create(spec)  # type: ignore[arg-type]
        scene.work(run_id, FIX)
        scene.pump()
        assert scene.run(run_id).state == "collecting"
        return handle

    scene.backend.create = fast  # type: ignore[method-assign, assignment]
    scene.wakeup.calls.clear()
    start(scene.parts, run_id)
    assert scene.wakeup.calls == [("finish", run_id)]
    scene.pump()
    assert isinstance(scene.outcome(run_id), PullRequest)


def test_what_happened_and_when_is_marked(scene: Scene) -> None:
    run_id = scene.started()
    scene.work(run_id, FIX)
    scene.pump()
    with scene.database.read() as tx:
        names = [name for name, _ in runs.timeline(tx, run_id)]
    assert names == [
        "queued", "starting", "workspace", "running", "sandbox-work", "first-step", "collecting", "publishing", "pushing",
        "done",
    ]


def test_while_the_sandbox_is_being_prepared_the_comment_says_so(scene: Scene) -> None:
    run_id = scene.routed()
    with pytest.raises(Killed):
        start(mortal(scene.parts, Doom("backend.create")), run_id)
    deliver(scene.parts, run_id)
    assert "preparing the sandbox" in scene.comments()[0].body
    scene.recover()
    assert "the agent is working" in scene.comments()[0].body
