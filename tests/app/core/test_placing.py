"""Which repository is meant, by what is said, where, and what there is."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.deciding.placing import Ground, answered_with, named, place, ranked
from app.core.event import Actor, Event, Repo
from app.core.profile import Profile

INSTALLED = ("octo/hello", "octo/shop", "team/hello", "team/Docs")
PLACES = ("label:payments", "team:ENG")


def profile(name: str, *repositories: str) -> Profile:
    return Profile.model_validate({
        "name": name, "on": {"slack": {}}, "repositories": list(repositories), "agent": {"uses": "command", "with": {"run": "true"}},
    })


def placed(profiles: tuple[Profile, ...] = (), **ground: Any) -> str:
    event = Event(
        source="slack", kind="slack.mention", delivery_key="1", thread="slack:T1/C1/1.1", actor=Actor(id="T1/U1", login="ann", kind="person"),
        repo=Repo.unsaid(), url="", text="@bellhop do it", places=PLACES,
    )
    by_name = {each.name: each for each in profiles or (profile("fix"),)}
    return place(event, by_name, Ground(**{"installed": INSTALLED} | ground), "bellhop[bot]").full_name


@pytest.mark.parametrize(("ground", "meant"), [
    ({"said": "octo/hello"}, "octo/hello"), ({"said": "OCTO/Hello"}, "octo/hello"), ({"said": "docs"}, "team/Docs"), ({"said": "hello"}, ""), ({"said": "nothing"}, ""),
    ({"said": "new/one"}, "new/one"), ({"said": "../.."}, ""),
    ({"mapping": {"team:eng": "octo/shop", "label:payments": "octo/hello"}}, "octo/hello"),
    ({"mapping": {"team:eng": "octo/shop"}, "linked": ("octo/hello",)}, "octo/shop"),
    ({"linked": ("Octo/Hello",)}, "octo/hello"), ({"linked": ("octo/hello", "octo/shop")}, ""), ({"linked": ("evil/other",)}, ""),
    ({"installed": ("octo/hello",)}, "octo/hello"), ({}, ""), ({"installed": ()}, ""),
    ({"said": "hello", "chosen": "octo/hello"}, "octo/hello"), ({"said": "hello", "mapping": {"team:eng": "octo/shop"}}, ""),
], ids=["full", "other-case", "bare", "two-of-them", "none", "not-heard-of", "no-name", "narrowest", "file-before-link", "link", "two-links", "link-elsewhere", "only-one", "many",
        "nothing-installed", "chosen", "a-word-that-fails-is-no-leave-to-guess"])
def test_the_first_that_says_so_counts(ground: dict[str, Any], meant: str) -> None:
    assert placed(**ground) == meant


def test_profiles_that_work_in_one_and_the_same_repository_say_so() -> None:
    assert placed((profile("a", "octo/shop"), profile("b", "octo/shop"))) == "octo/shop"
    assert placed((profile("a", "octo/shop"), profile("b", "octo/hello"))) == ""
    assert placed((profile("a", "octo/*"),)) == ""
    assert placed((profile("a", "team/D*"),)) == "team/Docs"


def test_likely_ones_stand_first() -> None:
    assert ranked(INSTALLED, ["team/Docs"], ["octo/shop", "octo/shop", "octo/shop"]) == ["octo/shop", "team/Docs", "octo/hello", "team/hello"]


@pytest.mark.parametrize(("text", "meant"), [
    ("octo/hello", "octo/hello"), (" repo=shop ", "octo/shop"), ("repository octo/shop", "octo/shop"), ("please mend octo/hello", ""), ("hello", ""), ("", ""),
], ids=["full", "option", "named", "a-sentence", "two-of-them", "nothing"])
def test_an_answer_is_a_name_and_nothing_else(text: str, meant: str) -> None:
    assert answered_with(text, INSTALLED) == meant


def test_a_name_that_is_not_heard_of_is_taken_as_it_is() -> None:
    assert named("new/one", INSTALLED) == "new/one"
