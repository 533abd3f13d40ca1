"""T63 on the whole road: a result that holds a secret is not published, and the refusal does not repeat it."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest
from pydantic import SecretStr

from app.core.outcome import PullRequest, Refused
from app.core.profile import PullRequestPolicy
from tests.tasks.scene import Scene, profile

OWN = "k-" + secrets.token_urlsafe(40)
SHAPED = "glpat-" + secrets.token_hex(10)


@pytest.fixture
def knowing(scene: Scene) -> Scene:
    scene.parts = replace(scene.parts, settings=scene.settings.model_copy(update={"anthropic_api_key": SecretStr(OWN)}))
    return scene


@pytest.mark.parametrize(("value", "reason"), [(OWN, "known_secret"), (SHAPED, "secret_shape")], ids=["own", "shaped"])
def test_t63_a_result_with_a_secret_goes_nowhere(knowing: Scene, value: str, reason: str) -> None:
    run_id = knowing.started()
    knowing.work(run_id, {"notes.txt": f"found {value} here\n"})
    knowing.pump()
    outcome = knowing.outcome(run_id)
    assert isinstance(outcome, Refused), outcome
    assert outcome.reason == reason
    assert "notes.txt" in outcome.text
    [comment] = knowing.comments()
    assert value not in comment.body
    assert (knowing.branches(), knowing.left()) == ([], [])


def test_t63_a_secret_in_an_agents_error_is_not_told(knowing: Scene) -> None:
    """Masked before its underscores are escaped, which would hide it from the mask."""
    own = "whk_live_" + secrets.token_hex(12)
    settings = knowing.settings.model_copy(update={"anthropic_api_key": SecretStr(own)})
    knowing.parts = replace(knowing.parts, settings=settings)
    run_id = knowing.started()
    knowing.work(run_id, exit_code=3, text=f"it said {own}")
    knowing.pump()
    assert own not in knowing.outcome(run_id).model_dump_json()
    [comment] = knowing.comments()
    assert "secret removed" in comment.body.replace("\\", "")
    assert own not in comment.body.replace("\\", "")


@pytest.mark.parametrize("between", ["\u200b", "\x1b[0m"], ids=["zero width", "an escape"])
@pytest.mark.parametrize("has_change", [True, False], ids=["published", "nothing to do"])
def test_t63_a_secret_that_what_nobody_sees_breaks_up_is_not_put_together_again(
    knowing: Scene, between: str, has_change: bool
) -> None:
    run_id = knowing.started()
    token = "ghs_" + secrets.token_hex(20)
    said = f"found {OWN[:12]}{between}{OWN[12:]} and {token[:9]}{between}{token[9:]}"
    knowing.work(run_id, {"notes.txt": "fine\n"} if has_change else None, said=said)
    knowing.pump()
    everything = [knowing.outcome(run_id).model_dump_json(), *(comment.body for comment in knowing.comments())]
    everything += [knowing.github.commit("octo/hello", branch).message for branch in knowing.branches()]
    everything += [pull.body or "" for pull in knowing.github.pull_requests("octo/hello")]
    assert len(everything) == (4 if has_change else 2)
    assert not any(value in text.replace("\u200b", "") for text in everything for value in (OWN, token))


def test_a_profile_may_ask_for_a_draft_instead(knowing: Scene) -> None:
    knowing.profiles["fix"] = profile(pull_request=PullRequestPolicy(secrets="draft"))
    run_id = knowing.started()
    knowing.work(run_id, {"notes.txt": f"found {SHAPED} here\n"})
    knowing.pump()
    outcome = knowing.outcome(run_id)
    assert isinstance(outcome, PullRequest), outcome
    assert outcome.draft
    [pull] = knowing.github.pull_requests("octo/hello")
    assert "looks like a credential" in (pull.body or "")
