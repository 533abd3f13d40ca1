"""Options in the words that ring: within the profile's bounds, or one clear line and no agent."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.outcome import PullRequest, Refused
from app.core.run import Run
from tests.tasks.scene import Scene, profile

HELLO = "octo/hello"


def offering(**choose: Any) -> Any:
    return profile(choose=choose)


def asked(scene: Scene, said: str) -> Run:
    run_id = scene.comment(said).run_id
    assert run_id is not None
    scene.pump()
    return scene.run(run_id)


def finished(scene: Scene, run: Run, files: dict[str, str]) -> PullRequest:
    scene.work(run.id, files)
    scene.pump()
    outcome = scene.outcome(run.id)
    assert isinstance(outcome, PullRequest), outcome
    return outcome


@pytest.mark.parametrize(("said", "says"), [
    ("agent=mini do it", "`agent=mini` is none that the profile fix offers: `command`"),
    ("budget=11 do it", "$10.00 at most"),
    ("branch=secret do it", "`branch=secret` is none that the profile fix offers: `main`"),
    ("model=openai/gpt-5 do it", "none that the profile fix offers"),
])
def test_what_is_not_offered_gets_one_line_and_no_sandbox(scene: Scene, said: str, says: str) -> None:
    run = asked(scene, f"@bellhop {said}")
    outcome = scene.outcome(run.id)
    assert isinstance(outcome, Refused)
    assert outcome.reason == "option"
    assert says in outcome.text
    assert "Nothing was started" in scene.comments()[0].body
    assert (scene.backend.created, scene.left()) == ([], [])


def test_what_does_not_suit_the_agent_gets_one_line_too(scene: Scene) -> None:
    scene.profiles["fix"] = offering(models=["openai/*"])
    outcome = scene.outcome(asked(scene, "@bellhop model=openai/gpt-5 do it").id)
    assert isinstance(outcome, Refused)
    assert "asks no model" in outcome.text


def test_a_run_works_as_it_was_asked_to(scene: Scene) -> None:
    scene.profiles["fix"] = offering(agents={"mini": {"model": "openai/gpt-5"}}, **{"budget-usd": 20})
    run = asked(scene, "@bellhop agent=mini budget=15 do it")
    assert (run.state, run.profile.agent.uses, run.profile.agent.model, run.profile.budget.usd) == ("running", "mini", "openai/gpt-5", 15)


def test_a_branch_that_is_chosen_is_worked_on_and_proposed_for(scene: Scene) -> None:
    scene.profiles["fix"] = offering(branches=["release/*"])
    head = scene.github.person("alice").push(HELLO, "release/1", {"old.txt": "old\n"})
    run = asked(scene, "@bellhop branch=release/1 do it")
    assert (run.base_commit, run.base_branch) == (head, "release/1")
    outcome = finished(scene, run, {"old.txt": "mended\n"})
    pull = scene.github.issue(HELLO, outcome.number).pull
    assert pull is not None
    assert pull.base_ref == "release/1"
    # The conversation stays there.
    again = asked(scene, "@bellhop and this")
    assert again.event.pull is not None
    assert again.event.pull.base_ref == "release/1"
    assert finished(scene, again, {"more.txt": "more\n"}).number == outcome.number


@pytest.mark.parametrize("what", ["deleted", "rewritten"])
def test_a_branch_that_is_gone_meanwhile_gets_nothing(scene: Scene, what: str) -> None:
    scene.profiles["fix"] = offering(branches=["release/*"])
    alice = scene.github.person("alice")
    alice.push(HELLO, "release/1", {"old.txt": "old\n"})
    run = asked(scene, "@bellhop branch=release/1 do it")
    if what == "deleted":
        alice.delete_branch(HELLO, "release/1")
    else:
        alice.push(HELLO, "other", {"x": "x"})
        alice.force_push(HELLO, "release/1", scene.github.branches(HELLO)["other"])
    scene.work(run.id, {"old.txt": "mended\n"})
    scene.pump()
    outcome = scene.outcome(run.id)
    assert isinstance(outcome, Refused)
    assert outcome.reason == "base_moved"


def test_a_conversation_keeps_what_was_chosen_until_something_else_is(scene: Scene) -> None:
    scene.profiles["fix"] = offering(**{"budget-usd": 20})
    finished(scene, asked(scene, "@bellhop budget=3 do it"), {"a.txt": "a\n"})
    second = asked(scene, "@bellhop and this")
    assert second.profile.budget.usd == 3
    finished(scene, second, {"b.txt": "b\n"})
    assert asked(scene, "@bellhop budget=4 and that").profile.budget.usd == 4


def test_what_was_refused_does_not_stick_to_the_conversation(scene: Scene) -> None:
    scene.profiles["fix"] = profile(
        agent={"uses": "mini", "model": "anthropic/claude-sonnet-4-5"}, choose={"models": ["*"]},
    )
    refused = scene.outcome(asked(scene, "@bellhop model=unknown/x do it").id)
    assert isinstance(refused, Refused), refused
    assert refused.reason == "option"
    assert asked(scene, "@bellhop then just do it").profile.agent.model == "anthropic/claude-sonnet-4-5"


def test_a_branch_is_not_chosen_where_a_pull_request_says_it(scene: Scene) -> None:
    scene.profiles["fix"] = offering(branches=["next"])
    scene.github.person("alice").push(HELLO, "next", {"n": "n"})
    finished(scene, asked(scene, "@bellhop do it"), {"a.txt": "a\n"})
    outcome = scene.outcome(asked(scene, "@bellhop branch=next do it there").id)
    assert isinstance(outcome, Refused)
    assert "whose branch is given" in outcome.text


def test_t20_words_of_an_issue_choose_nothing(scene: Scene) -> None:
    """Whoever puts the label on did not write them."""
    scene.profiles["fix"] = offering(**{"budget-usd": 20})
    inbox_id = scene.ring(said="@bellhop budget=20 agent=mini")
    scene.wakeup.route(inbox_id)
    scene.pump()
    run_id = scene.entry(inbox_id).run_id
    assert run_id is not None
    assert (scene.run(run_id).state, scene.run(run_id).profile.budget.usd) == ("running", 10)
