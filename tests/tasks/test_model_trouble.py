"""Whose it is when an agent's model fails: the operator's, whatever the agent makes of it."""

from __future__ import annotations

import pytest

from app.core.assignment import SandboxEnd
from app.core.outcome import Failed
from app.core.step import Step
from app.ledger import exchanges
from app.ledger.exchanges import Exchange, LastAnswer
from tasks.finishing.model_trouble import model_trouble
from tests.tasks.scene import Scene

GAVE_UP = SandboxEnd(reason="exited", exit_code=3)
NO_KEY = (Step(kind="error", text="no key", data={"code": "bellhop_no_key"}),)


@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, "model_key"), (403, "model_key"), (429, "model_limit"), (402, "model_limit"), (404, "model_unknown"), (0, "model_unreachable"), (502, "model_unreachable"),
     (529, "model_unreachable"), (200, None), (400, None), (None, None)],
)
def test_the_last_answer_says_what_was_wrong(status: int | None, reason: str | None) -> None:
    outcome = model_trouble(GAVE_UP, None if status is None else LastAnswer(status, b""), (), "it gave up")
    assert (outcome and outcome.reason) == reason
    assert outcome is None or (outcome.who == "operator" and "it gave up" in outcome.text)


def test_a_key_that_google_does_not_know_is_a_key_all_the_same() -> None:
    head = b'{"error": {"code": 400, "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}}'
    outcome = model_trouble(GAVE_UP, LastAnswer(400, head), (), "it gave up")
    assert outcome is not None
    assert outcome.reason == "model_key"


def test_a_key_that_is_missing_is_known_from_the_agents_last_error() -> None:
    outcome = model_trouble(GAVE_UP, None, NO_KEY, "it gave up")
    assert outcome is not None
    assert outcome.reason == "model_key"
    assert model_trouble(GAVE_UP, None, (*NO_KEY, Step(kind="error", text="another")), "it gave up") is None


def test_an_agent_that_was_stopped_did_not_fail_because_of_its_model() -> None:
    assert model_trouble(SandboxEnd(reason="timeout"), LastAnswer(401, b""), NO_KEY, "it ran out of time") is None


def test_a_refused_key_is_the_operators_in_the_comment_too(scene: Scene) -> None:
    run_id = scene.started()
    for status in (200, 401):
        with scene.database.begin() as tx:
            exchanges.record(tx, Exchange(
                run_id=run_id, sandbox_id=f"{run_id}-work", api="anthropic", path="/v1/messages", request=b"{}", status=status,
                content_type="application/json", response=b"{}", input_tokens=None, output_tokens=None, started_at_ms=1,
                duration_ms=1,
            ))
    scene.work(run_id, exit_code=3)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.who) == ("model_key", "operator")
    [comment] = scene.comments()
    assert "The operator of this Bellhop has to look at this" in comment.body
    assert "You can mend this" not in comment.body


@pytest.mark.parametrize(("at_last", "reason"), [(502, "model_unreachable"), (200, "model_unreachable"), (429, "model_limit")])
def test_a_model_that_was_not_asked_any_more_is_what_it_was_before(at_last: int, reason: str) -> None:
    head = f'{{"error": {{"type": "bellhop_model_down", "message": "opus has failed 3 times in a row (at last: {at_last}): ..."}}}}'
    outcome = model_trouble(GAVE_UP, LastAnswer(424, head.encode()), (), "it gave up")
    assert outcome is not None
    assert (outcome.reason, outcome.who) == (reason, "operator")
    assert model_trouble(GAVE_UP, LastAnswer(424, b"a vendor's own"), (), "it gave up") is None
    assert model_trouble(GAVE_UP, LastAnswer(424, b""), (), "it gave up") is not None, "its record is full"
