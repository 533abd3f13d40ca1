"""What narrows `on:` beside labels and types, and which key is named when it says no."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.decide import Ignore, Start, decide, needs_paths
from app.core.event import Actor
from app.core.ringing.on import On, faults_of_on
from app.core.ringing.overlap import overlaps
from app.core.ringing.rings import No, refusal, rings
from tests.app.core.test_decide import BOT, event, facts, profile

ADA = Actor(id="7", login="ada", kind="person")


def pull(kind: str = "pull_request.opened", **changes: Any) -> Any:
    return event(kind, label=None, **({"is_pull_request": True, "number": 7, "branch": "main", "author": ADA} | changes))


def of(filters: dict[str, Any], happening: Any, paths: tuple[str, ...] | None = None) -> No | None:
    return refusal(profile("fix", on={"pull_request": filters})["fix"], happening, BOT, paths)


@pytest.mark.parametrize(("filters", "key"), [
    ({}, None), ({"branches": ["main"]}, None), ({"branches": ["release/*"]}, "branches"), ({"branches-ignore": ["release/*"]}, None),
    ({"branches-ignore": ["ma*"]}, "branches-ignore"), ({"types": ["labeled"]}, "types"), ({"labels": ["x"]}, "labels"),
    ({"authors": ["Ada"]}, None), ({"authors": ["id:7"]}, None), ({"authors": ["id:8", "bob"]}, "authors"),
    ({"where": [{"field": "actor.login", "is": "octocat"}]}, None), ({"where": [{"field": "title", "matches": "^CI"}]}, "where"),
    ({"paths": ["docs/**"]}, None), ({"paths": ["src/**"]}, "paths"), ({"paths": ["**", "!docs/**"]}, "paths"),
    ({"paths-ignore": ["docs/**"]}, "paths-ignore"), ({"paths-ignore": ["docs/a.md"]}, None),
])
def test_the_first_key_that_says_no_is_named(filters: dict[str, Any], key: str | None) -> None:
    no = of(filters, pull(), ("docs/a.md", "docs/b.md"))
    assert (None if no is None else no.key) == (None if key is None else f"on.pull_request.{key}")


def test_t17_who_opened_it_counts_by_number_whatever_the_account_is_called_by_now() -> None:
    taken_over = pull(author=Actor(id="666", login="ada", kind="person"))
    assert of({"authors": ["id:7"]}, taken_over) == No(
        "on.pull_request.authors", "ada (id 666) opened it, and it asks for id:7", 8,
    )
    assert of({"authors": ["id:7"]}, pull(author=None)) is not None
    assert of({"authors": ["dependabot[bot]"]}, pull(author=Actor(id="9", login="dependabot[bot]", kind="bot"))) is None


def test_files_are_asked_for_only_where_all_else_says_yes() -> None:
    wants = profile("fix", on={"pull_request": {"branches": ["main"], "paths": ["docs/**"]}})
    assert needs_paths(pull(), wants, facts(None))
    assert not needs_paths(pull(branch="old"), wants, facts(None))
    assert not needs_paths(pull(), profile("fix", on={"pull_request": {}}), facts(None))
    assert not needs_paths(pull(), wants, facts(None, changed_paths=()))
    assert not needs_paths(event(), wants, facts(None))


def test_without_an_answer_nothing_starts_and_with_one_the_files_decide() -> None:
    wants = profile("fix", on={"pull_request": {"paths": ["docs/**"]}})
    unknown = decide(pull(), wants, facts())
    assert isinstance(unknown, Ignore)
    assert unknown.reason == "paths_unknown"
    assert isinstance(decide(pull(), wants, facts(changed_paths=("docs/a.md", "b.py"))), Start)
    passed_over = decide(pull(), wants, facts(changed_paths=("b.py",)))
    assert isinstance(passed_over, Ignore)
    assert (passed_over.reason, passed_over.why[1]) == (
        "no_profile", "nearest was fix, whose `on.pull_request.paths` says no: none of the 1 changed files is one of docs/**",
    )


def test_the_profile_that_came_nearest_is_the_one_that_is_named() -> None:
    far = profile("a", on={"pull_request": {"types": ["labeled"]}})
    near = profile("b", on={"pull_request": {"types": ["opened"], "authors": ["bob"]}})
    none = profile("c", on={"issues": {}})
    decision = decide(pull(), far | near | none, facts())
    assert decision.why[1:] == ("nearest was b, whose `on.pull_request.authors` says no: ada (id 7) opened it, and it asks for bob",)
    assert len(decide(pull(), none, facts()).why) == 1


def test_a_profile_of_another_repository_says_so() -> None:
    elsewhere = profile("a")["a"].model_copy(update={"repositories": ("else/*",)})
    assert refusal(elsewhere, event(), BOT) == No("repositories", "octo/hello is none of them", 1)


@pytest.mark.parametrize(("filters", "way"), [
    ({"branches": ["a"], "branches-ignore": ["b"]}, ("branches-ignore",)), ({"paths": ["a"], "paths-ignore": ["b"]}, ("paths-ignore",)),
    ({"paths": ["!a"]}, ("paths",)), ({"branches": ["v[9-0]"]}, ("branches",)), ({"paths-ignore": ["v[9-0]"]}, ("paths-ignore",)), ({"authors": ["id:x"]}, ("authors", 0)), ({"where": [{"field": "nothing.here", "exists": True}]}, ("where", 0, "field")),
    ({"where": [{"field": "title"}]}, ("where", 0)), ({"where": [{"field": "title", "matches": "(?=x)"}]}, ("where", 0, "matches")),
])
def test_what_could_never_ring_is_a_fault(filters: dict[str, Any], way: tuple[str | int, ...]) -> None:
    found = [found for found, _ in faults_of_on(On.model_validate({"pull_request": filters}))]
    assert found == [("on", "pull_request", *way)]


def test_profiles_that_narrow_apart_are_not_said_to_overlap() -> None:
    both = profile("a", on={"pull_request": {"paths": ["docs/**"]}}) | profile("b", on={"pull_request": {"paths-ignore": ["docs/**"]}})
    assert overlaps(both) == []
    assert overlaps(profile("a", on={"pull_request": {}}) | profile("b", on={"pull_request": {}})) != []


KEYS: dict[str, Any] = {
    "types": ["opened"], "labels": ["bellhop"], "branches": ["ma*", "!main2"], "branches-ignore": ["release/*"], "authors": ["id:7"],
    "where": [{"field": "title", "matches": "^fix"}], "paths": ["docs/**"], "paths-ignore": ["**/*.md"],
}


@given(
    st.sets(st.sampled_from(sorted(KEYS))), st.sampled_from(sorted(KEYS)), st.sampled_from(["main", "main2", "release/1", None]),
    st.sampled_from(["fix it", "other"]), st.sampled_from([None, (), ("docs/a.md",), ("docs/a.md", "b.py")]), st.booleans(),
)
def test_one_more_key_never_lets_more_ring(
    keys: set[str], more: str, branch: str | None, title: str, paths: tuple[str, ...] | None, is_known: bool
) -> None:
    happening = pull(branch=branch, title=title, author=ADA if is_known else None)
    if of({key: KEYS[key] for key in keys | {more}}, happening, paths) is None:
        assert of({key: KEYS[key] for key in keys - {more}}, happening, paths) is None


def test_files_that_nobody_has_told_of_keep_nothing_from_ringing() -> None:
    assert rings(profile("fix", on={"pull_request": {"paths": ["docs/**"]}})["fix"], pull(), BOT)
