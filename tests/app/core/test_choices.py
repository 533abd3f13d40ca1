"""What a message may choose: what the profile offers, and not one character more."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.deciding.choices import NotOffered, chosen
from app.core.profile import Profile

OFFERS: dict[str, Any] = {
    "agents": {"codex": {"model": "openai/gpt-5", "with": {"effort": "high"}}},
    "models": ["anthropic/claude-opus-4-1", "openai/gpt-5*"], "branches": ["release/*", "next"], "budget-usd": 25,
}


def profile(**more: Any) -> Profile:
    return Profile.model_validate({
        "name": "fix", "on": {"issues": {}}, "choose": OFFERS, "budget": {"usd": 10},
        "agent": {"uses": "mini", "model": "anthropic/claude-sonnet-4-5", "fallback-model": "anthropic/claude-haiku-4-5", "with": {"x": 1}},
    } | more)


def test_what_is_offered_is_taken() -> None:
    made = chosen(profile(), {"agent": "codex", "model": "openai/gpt-5-mini", "branch": "release/1.2", "budget": "$20.50"}, default_branch="main")
    assert (made.agent.uses, made.agent.model, made.agent.with_) == ("codex", "openai/gpt-5-mini", {"effort": "high"})
    assert (made.branch, made.budget.usd) == ("release/1.2", 20.5)
    # Once more, of a run that has it: the same.
    again = {"agent": "codex", "model": "openai/gpt-5-mini", "branch": "release/1.2", "budget": "20.50"}
    assert chosen(made, again, default_branch="main") == made


def test_an_agent_that_is_chosen_has_its_own_model_and_options() -> None:
    agent = chosen(profile(), {"agent": "codex"}).agent
    assert (agent.model, agent.fallback_model, agent.with_) == ("openai/gpt-5", None, {"effort": "high"})


def test_a_fallback_stays_with_its_vendor() -> None:
    assert chosen(profile(), {"model": "anthropic/claude-opus-4-1"}).agent.fallback_model == "anthropic/claude-haiku-4-5"
    assert chosen(profile(), {"model": "openai/gpt-5"}).agent.fallback_model is None


@pytest.mark.parametrize("options", [{}, {"agent": "mini"}, {"model": "anthropic/claude-sonnet-4-5"}, {"branch": "main"}, {"budget": "10"}])
def test_what_stands_in_the_profile_is_always_offered(options: dict[str, str]) -> None:
    assert chosen(profile(choose={}), options, default_branch="main") == profile(choose={})


@pytest.mark.parametrize(("options", "says"), [
    ({"agent": "claude-code"}, "`agent=claude-code` is none that the profile fix offers: `mini`, `codex`."),
    ({"model": "openai/o9"}, "`model=openai/o9` is none that the profile fix offers: `anthropic/claude-sonnet-4-5`, "),
    ({"branch": "secret"}, "`branch=secret` is none that the profile fix offers: `main`, `release/*`, `next`."),
    ({"budget": "25.01"}, "$25.00 at most"),
])
def test_what_is_not_offered_is_said_in_one_line_with_what_is(options: dict[str, str], says: str) -> None:
    with pytest.raises(NotOffered) as refused:
        chosen(profile(), options, default_branch="main")
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("model", ["openai/gpt-5*", "*", "openai/*", "openai/gpt-5?", "openai/gpt-5 x", "openai/", "/gpt-5", "gpt-5", ""])
def test_t18_no_pattern_is_chosen_as_a_model(model: str) -> None:
    """At the door a `*` would stand for any model."""
    with pytest.raises(NotOffered):
        chosen(profile(), {"model": model})


@pytest.mark.parametrize("branch", ["release/../main", "release/-x y", "release/x.lock", "release//x", "release/@{1}", "-release/x", "release/x/", "refs\nx"])
def test_no_name_that_git_takes_for_something_else_is_a_branch(branch: str) -> None:
    with pytest.raises(NotOffered):
        chosen(profile(choose={"branches": ["*"]}), {"branch": branch}, default_branch="main")


@pytest.mark.parametrize("budget", ["0", "-1", "1e3", "inf", "nan", "", "five", "1,000", "0.00", "9999999"])
def test_t18_no_odd_number_is_a_budget(budget: str) -> None:
    with pytest.raises(NotOffered):
        chosen(profile(choose={"budget-usd": 10**6}), {"budget": budget})


def test_a_budget_may_always_be_smaller_and_never_greater_than_stated() -> None:
    assert chosen(profile(choose={}), {"budget": "0.50"}).budget.usd == 0.5
    with pytest.raises(NotOffered):
        chosen(profile(choose={}), {"budget": "11"})
