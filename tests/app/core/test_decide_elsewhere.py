"""Deciding on what was said at a chat or planning service: only as somebody's word at the forge, in a repository."""

from __future__ import annotations

import pytest

from app.core.decide import Control, Facts, Ignore, Start, decide, needs_permission
from app.core.event import Actor, Event, Repo
from app.core.profile import Profile

PROFILES = {"fix": Profile.model_validate({
    "name": "fix", "on": {"slack": {"channels": ["C024BE91L"]}}, "agent": {"uses": "command", "with": {"run": "true"}},
})}
HELLO = Repo(id=1001, full_name="octo/hello", default_branch="main", installation_id=55)
ANN = Actor(id="101", login="alice", kind="person")
FACTS = Facts(bot_login="bellhop[bot]", actor_permission="admin")


def event(text: str = "@bellhop do it", *, kind: str = "slack.mention", repo: Repo = HELLO, said_by: Actor | None = ANN, button: str | None = None) -> Event:
    return Event(
        source="slack", kind=kind, delivery_key="1", thread="slack:T1/C024BE91L/1.1", actor=ANN, said_by=said_by, repo=repo, url="", text=text,
        places=("channel:C024BE91L",), button=button,
    )


@pytest.mark.parametrize(("said_by", "repo"), [(None, HELLO), (ANN, Repo.unsaid())], ids=["nobody-asked-who", "no-repository"])
def test_t17_an_id_of_another_service_is_nobodys_at_the_forge(said_by: Actor | None, repo: Repo) -> None:
    """Even where the forge has an account of that very number, with every right."""
    decision = decide(event(said_by=said_by, repo=repo), PROFILES, FACTS)
    assert isinstance(decision, Ignore)
    assert decision.reason == "unidentified"


def test_who_is_known_and_where_starts_a_run() -> None:
    assert isinstance(decide(event(), PROFILES, FACTS), Start)


@pytest.mark.parametrize("text", ["do it", "> @bellhop do it", "@bellhop stop"], ids=["not-addressed", "quoted", "nothing-runs"])
def test_what_comes_to_nothing_is_not_worth_a_question(text: str) -> None:
    assert not needs_permission(event(text, repo=Repo.unsaid(), said_by=None), PROFILES, FACTS)


def test_a_button_of_a_card_says_by_its_words_what_it_counts_for() -> None:
    facts = FACTS.model_copy(update={"about_run_id": "run"})
    decision = decide(event("@bellhop approve 0123456789ab", kind="slack.button", button="approve"), PROFILES, facts)
    assert isinstance(decision, Control)
    assert (decision.verb, decision.named) == ("approve", "0123456789ab")
