"""T18, R24: what becomes of a run whose models' budget is used up; said by the gateway's record, not by the agent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from app.core.outcome import Failed, PullRequest
from app.emulators.model import ANTHROPIC_KEY, ModelEmulator, Script, Turn, serve
from tests.tasks.scene import Scene, profile, until

FIX = {"README.md": "hello, world\n"}
SUBMITTED = json.dumps({"kind": "message", "text": "all of it", "data": {"final": True, "status": "submitted"}})
BODY = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "go"}]}


@pytest.fixture
def more_settings() -> Iterator[dict[str, Any]]:
    """A model that always has something to say."""
    with serve(ModelEmulator(Script.model_validate({"turns": [Turn(text="hm")]}))) as url:
        yield {"anthropic_api_key": SecretStr(ANTHROPIC_KEY), "anthropic_api_url": url}


@pytest.fixture
def spending(scene: Scene) -> Scene:
    scene.profiles["fix"] = profile(
        agent={"uses": "mini", "model": "anthropic/claude-sonnet-4-5"}, budget={"turns": 1},
    )
    return scene


def ask(scene: Scene, run_id: str) -> httpx.Response:
    headers = {"anthropic-version": "2023-06-01"}
    return scene.runner(run_id).post("/anthropic/v1/messages", json=BODY, headers=headers)


def use_up(scene: Scene, run_id: str) -> None:
    """Ask until nothing is left, and once more."""
    assert [ask(scene, run_id).status_code for _ in range(3)] == [200, 200, 402]
    assert scene.runner(run_id).get("/runner/messages?wait=10").json()["messages"][0]["author"] == "Bellhop"
    assert scene.runner(run_id).get("/runner/messages?wait=10").json()["stop"] == "budget"


def test_t18_what_it_had_done_is_a_draft_that_says_why(spending: Scene) -> None:
    run_id = spending.started()
    use_up(spending, run_id)
    # Whoever looks at the run is woken, so that the thread can be told while it still works.
    until(lambda: ("finish", run_id) in spending.wakeup.calls)
    spending.pump()
    assert spending.run(run_id).state == "running"
    assert "1 of 1 turns are used" in "".join(comment.body for comment in spending.comments())
    spending.work(run_id, FIX, reason="budget", exit_code=143)
    spending.pump()
    outcome = spending.outcome(run_id)
    assert isinstance(outcome, PullRequest)
    assert outcome.draft
    assert outcome.warnings == ()
    [pull] = spending.github.pull_requests("octo/hello")
    assert "The agent did not finish: its budget was used up (2 of 1 turns)" in (pull.body or "").replace("\\", "")
    assert spending.left() == []


@pytest.mark.parametrize("end", [{"reason": "budget", "exit_code": 143}, {"reason": "exited", "exit_code": 3}], ids=["stopped", "gave up"])
def test_t18_without_a_change_it_failed_and_a_person_can_mend_that(spending: Scene, end: dict[str, Any]) -> None:
    run_id = spending.started()
    use_up(spending, run_id)
    spending.work(run_id, said="I can do no more", **end)
    spending.pump()
    outcome = spending.outcome(run_id)
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.who) == ("budget", "person")
    assert "its budget was used up (2 of 1 turns)" in outcome.text
    assert "You can mend this" in spending.comments()[0].body


def test_t18_an_agent_that_ends_well_with_its_last_turn_has_ended_well(spending: Scene) -> None:
    run_id = spending.started()
    assert [ask(spending, run_id).status_code for _ in range(2)] == [200, 200]
    spending.work(run_id, FIX, said=SUBMITTED)
    spending.pump()
    outcome = spending.outcome(run_id)
    assert isinstance(outcome, PullRequest)
    assert not outcome.draft
    # Who reviews it must know that it was told to come to an end.
    [warning] = outcome.warnings
    assert warning == "was finished in one last answer, because the run's budget was used up: 1 of 1 turns are used."
    assert "was used up" in (spending.github.pull_requests("octo/hello")[0].body or "")
    assert "$0.00" in (spending.github.pull_requests("octo/hello")[0].body or "")


def test_t18_an_agent_that_was_not_refused_did_not_fail_for_its_budget(spending: Scene) -> None:
    run_id = spending.started()
    assert ask(spending, run_id).status_code == 200
    spending.work(run_id, said="my budget is used up: bellhop_budget", exit_code=3)
    spending.pump()
    outcome = spending.outcome(run_id)
    assert isinstance(outcome, Failed)
    assert outcome.reason == "agent_failed"
