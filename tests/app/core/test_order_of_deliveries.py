"""decide() over many deliveries: their order changes neither which runs there are nor what they are told; narrowing never widens."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.decide import Append, Facts, Ignore, Start, decide
from app.core.deciding.coalesce import is_part_of
from app.core.event import Actor, Event
from app.core.permission import PERMISSIONS
from app.core.profile import Profile
from tests.app.core.test_decide import BOT, LISTED, comment, event

ADA = Actor(id="1", login="ada", kind="person")
EVE = Actor(id="2", login="eve", kind="person")
MAY = {"1": "write", "2": "read"}
TAKES_ALL = Profile.model_validate({
    "name": "fix", "agent": {"uses": "mini"}, "who": {"apps": [int(LISTED.id)]},
    "on": {"issues": {"types": ["labeled", "assigned"], "labels": ["bellhop"]}, "issue_comment": {}},
})


class World(NamedTuple):
    """What came of some deliveries: the runs by thread, and what each was told beside what began it."""

    runs: dict[str, str]
    told: dict[str, frozenset[str]]


def deliver(deliveries: list[Event], profiles: dict[str, Profile]) -> World:
    """Decide on one after another, as a ledger that keeps what follows would have it; nobody says stop, and no run ends."""
    runs: dict[str, str] = {}
    began: dict[str, Event] = {}
    told: dict[str, set[str]] = {}
    passed_over: list[Event] = []
    for each in deliveries:
        live = runs.get(each.thread)
        profile = profiles[live] if live else None
        known = Facts(
            bot_login=BOT, live_run_id=each.thread if live else None, actor_permission=MAY.get(each.actor.id),
            live_permission=profile.who.permission if profile else "write", live_apps=profile.who.apps if profile else (),
        )
        decision = decide(each, profiles, known)
        match decision:
            case Start():
                assert live is None, "no thread ever has two"
                runs[each.thread], began[each.thread] = decision.profile, each
                told[each.thread] = {words.text for words in passed_over if is_part_of(words, each)}
                told[each.thread] |= {each.text} if each.is_comment else set()
            case Append():
                told[each.thread].add(each.text)
            case Ignore(reason="not_addressed"):
                passed_over.append(each)
    return World(runs, {thread: frozenset(words) for thread, words in told.items()})


THREADS = st.sampled_from(["github:octo/hello#1", "github:octo/hello#2"])
RINGS = st.builds(
    event, kind=st.sampled_from(["issues.labeled", "issues.assigned"]), label=st.sampled_from(["bellhop", "bug"]), thread=THREADS,
    actor=st.sampled_from([ADA, EVE, LISTED, Actor(id="9", login="evil[bot]", kind="bot")]), assignee=st.sampled_from(["bellhop", "ada"]),
)
WORDS = st.builds(
    comment, st.sampled_from(["@bellhop fix it", "@bellhop now with tabs", "looks odd", "> @bellhop go"]), thread=THREADS,
    actor=st.sampled_from([ADA, EVE, Actor(id="9", login="evil[bot]", kind="bot")]),
)
BURSTS = st.lists(RINGS | WORDS, max_size=7)


@given(BURSTS.flatmap(lambda burst: st.tuples(st.just(burst), st.permutations(burst))))
def test_r5_the_order_of_deliveries_changes_no_set_of_runs(both: tuple[list[Event], list[Event]]) -> None:
    first, second = (deliver(each, {"fix": TAKES_ALL}) for each in both)
    assert first.runs == second.runs


@given(st.lists(
    st.builds(event, kind=st.just("issues.labeled"), actor=st.just(ADA), thread=st.just("t"))
    | st.builds(comment, st.sampled_from(["@bellhop fix it", "looks odd", "and the docs"]), thread=st.just("t"), actor=st.just(ADA)),
    min_size=1, max_size=6,
).flatmap(lambda burst: st.tuples(st.just(burst), st.permutations(burst))))
def test_r5_what_one_person_says_and_does_within_seconds_is_one_run_and_all_of_its_words(both: tuple[list[Event], list[Event]]) -> None:
    first, second = (deliver(each, {"fix": TAKES_ALL}) for each in both)
    assert first == second
    if first.runs:
        assert first.told["t"] == {each.text for each in both[0] if each.is_comment}


@given(BURSTS)
def test_r4_deliveries_that_come_twice_change_nothing(burst: list[Event]) -> None:
    once = deliver(burst, {"fix": TAKES_ALL})
    assert deliver([*burst, *burst], {"fix": TAKES_ALL}).runs == once.runs
    assert all(profile == "fix" for profile in once.runs.values())


LABELS = st.lists(st.sampled_from(["bellhop", "bug"]), unique=True).map(tuple)
ON = st.fixed_dictionaries({}, optional={
    "issues": st.fixed_dictionaries({}, optional={
        "types": st.lists(st.sampled_from(["opened", "labeled", "assigned"]), unique=True), "labels": LABELS,
        "assignees": st.lists(st.sampled_from(["ada", "bellhop"]), unique=True),
    }),
    "issue_comment": st.fixed_dictionaries({}, optional={"types": st.just(["created"]), "labels": LABELS}),
})
PLAIN = st.fixed_dictionaries({"on": ON}, optional={
    "repositories": st.lists(st.sampled_from(["octo/*", "octo/hello", "other/x"]), unique=True),
    "who": st.fixed_dictionaries({}, optional={
        "permission": st.sampled_from(["write", "maintain", "admin"]), "apps": st.lists(st.just(int(LISTED.id)), max_size=1),
    }),
})


def narrower(draw: Any, said: dict[str, Any]) -> dict[str, Any]:
    """Return the profile's words with some of them narrowed: fewer events, types, labels, repositories, people and programs."""

    def fewer(values: Any, known: list[str]) -> list[str]:
        # An empty list means any, so that some are fewer.
        return draw(st.lists(st.sampled_from(sorted(values) or known), min_size=1, unique=True))  # type: ignore[no-any-return]

    on: dict[str, Any] = {}
    for name, keys in said["on"].items():
        if draw(st.booleans()) and len(said["on"]) > 1 and on:
            continue
        on[name] = dict(keys)
        if draw(st.booleans()):
            on[name]["labels"] = fewer(keys.get("labels", ()), ["bellhop", "bug"])
        if name == "issues" and draw(st.booleans()):
            on[name]["types"] = fewer(keys.get("types", ()), ["opened", "labeled", "assigned"])
    who = said.get("who", {})
    least = PERMISSIONS.index(who.get("permission", "write"))
    return {
        **said, "on": on, "repositories": fewer(said.get("repositories", ()), ["octo/*", "octo/hello", "other/x"]),
        "who": {"permission": draw(st.sampled_from(PERMISSIONS[least:])), "apps": draw(st.sampled_from([[], who.get("apps", [])]))},
    }


@st.composite
def narrowings(draw: Any) -> tuple[Profile, Profile]:
    said = draw(PLAIN)
    rest = {"name": "fix", "agent": {"uses": "mini"}}
    return Profile.model_validate(said | rest), Profile.model_validate(narrower(draw, said) | rest)


HAPPENED = st.builds(
    event, kind=st.sampled_from(["issues.labeled", "issues.opened", "issues.assigned"]), label=st.sampled_from(["bellhop", "bug", None]),
    labels=LABELS, assignee=st.sampled_from([None, "ada", "bellhop"]), actor=st.sampled_from([ADA, LISTED]),
) | st.builds(comment, st.sampled_from(["@bellhop go", "hm"]), labels=LABELS, actor=st.sampled_from([ADA, LISTED]))


@given(narrowings(), HAPPENED, st.sampled_from(PERMISSIONS))
def test_narrowing_a_profile_never_widens_what_starts(both: tuple[Profile, Profile], happened: Event, permission: str) -> None:
    wide, narrow = both
    known = Facts(bot_login=BOT, actor_permission=permission)
    if isinstance(decide(happened, {"fix": narrow}, known), Start):
        assert isinstance(decide(happened, {"fix": wide}, known), Start)


def test_narrowing_is_no_empty_word() -> None:
    """Some narrowed profile does start something: the property above is about more than nothing."""
    narrow = TAKES_ALL.model_copy(update={"repositories": ("octo/hello",)})
    assert isinstance(decide(event(actor=ADA), {"fix": narrow}, Facts(bot_login=BOT, actor_permission="write")), Start)


@pytest.mark.parametrize("changes", [{"actor": EVE}, {"thread": "t2"}, {"repo": event().repo.model_copy(update={"id": 9})}, {"actor": LISTED}])
def test_only_the_same_persons_words_in_the_same_thread_are_part_of_a_wish(changes: dict[str, Any]) -> None:
    start = event(actor=ADA)
    assert is_part_of(comment("hm", actor=ADA), start)
    assert not is_part_of(comment("hm", **{"actor": ADA, **changes}), start)
