"""decide(): every way an event can go, and what holds for all events."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.decide import Append, Cancel, Decision, Facts, Ignore, Start, Stop, decide, needs_permission
from app.core.event import Actor, Event, Repo
from app.core.permission import PERMISSIONS
from app.core.profile import Profile

BOT = "bellhop[bot]"


def event(kind: str = "issues.labeled", **changes: Any) -> Event:
    values: dict[str, Any] = {
        "source": "github", "kind": kind, "delivery_key": "d", "thread": "github:octo/hello#7",
        "actor": Actor(id="1", login="octocat", kind="person"),
        "repo": Repo(id=1, full_name="octo/hello", default_branch="main"),
        "url": "https://github.com/octo/hello/issues/7", "label": "bellhop", "labels": ("bellhop",),
    }
    return Event(**(values | changes))


def comment(text: str, **changes: Any) -> Event:
    return event("issue_comment.created", text=text, label=None, **changes)


def profile(name: str, on: dict[str, Any] | None = None, permission: str = "write") -> dict[str, Profile]:
    made = Profile.model_validate({
        "name": name, "on": {"issues": {"types": ["labeled"], "labels": ["Bellhop"]}} if on is None else on,
        "who": {"permission": permission}, "agent": {"uses": "mini"},
    })
    return {name: made}


FIX = profile("fix")
TALK = profile("talk", on={"issue_comment": {"types": ["created"]}})


def facts(permission: str | None = "write", live: str | None = None, **more: Any) -> Facts:
    return Facts(bot_login=BOT, actor_permission=permission, live_run_id=live, **more)


def reason(decision: Decision) -> str:
    assert isinstance(decision, Ignore)
    assert decision.why
    return decision.reason


def test_a_label_by_somebody_who_may_starts_a_run_and_says_why() -> None:
    decision = decide(event(), FIX, facts())
    assert decision == Start(profile="fix", why=(
        "profile fix takes issues.labeled with the label bellhop", "octocat has write, needed is write",
    ))


@pytest.mark.parametrize("permission", ["none", "read", "triage", "", "owner", "WRITE"])
def test_t7_t9_less_than_write_starts_nothing(permission: str) -> None:
    assert reason(decide(event(), FIX, facts(permission))) == "not_permitted"


@pytest.mark.parametrize("permission", ["write", "maintain", "admin"])
def test_t7_write_and_more_starts(permission: str) -> None:
    assert isinstance(decide(event(), FIX, facts(permission)), Start)


def test_a_profile_may_ask_for_more() -> None:
    strict = profile("fix", permission="maintain")
    assert reason(decide(event(), strict, facts("write"))) == "not_permitted"
    assert isinstance(decide(event(), strict, facts("maintain")), Start)


def test_without_an_answer_nobody_may() -> None:
    assert reason(decide(event(), FIX, facts(None))) == "permission_unknown"


@pytest.mark.parametrize("actor", [
    Actor(id="2", login="evil-app[bot]", kind="bot"), Actor(id="3", login="Bellhop[bot]", kind="person"),
])
def test_t8_t13_programs_and_the_bot_itself_start_nothing(actor: Actor) -> None:
    assert reason(decide(event(actor=actor), FIX, facts("admin"))) == "bot"
    assert reason(decide(comment("@bellhop go", actor=actor), TALK, facts("admin", live="r1"))) == "bot"


LISTED = Actor(id="49699333", login="dependabot[bot]", kind="bot")


def listing(*apps: int, **members: Any) -> dict[str, Profile]:
    [made] = profile("fix", on={"issues": {}, "issue_comment": {}}).values()
    return {"fix": made.model_copy(update={"who": made.who.model_copy(update={"apps": apps})} | members)}


def test_t8_a_program_rings_where_a_profile_lists_its_id_and_nowhere_else() -> None:
    decision = decide(event(actor=LISTED), listing(1, 49699333), facts(None))
    assert isinstance(decision, Start)
    assert decision.why[-1] == "dependabot[bot] is a program that the profile lists by its id, 49699333"
    assert not needs_permission(event(actor=LISTED), listing(49699333), facts(None))
    assert reason(decide(event(actor=LISTED), listing(4969933), facts("admin"))) == "bot"
    # A person by that name, a program by another's, and a profile beside the one that lists it.
    taken_over = Actor(id="7", login="dependabot[bot]", kind="bot")
    assert reason(decide(event(actor=taken_over), listing(49699333), facts("admin"))) == "bot"
    person = Actor(id="49699333", login="dependabot", kind="person")
    assert reason(decide(event(actor=person), listing(49699333), facts("read"))) == "not_permitted"
    beside = listing(49699333)["fix"].model_copy(update={"name": "z"})
    assert reason(decide(event(actor=LISTED), {**listing(), "z": beside}, facts("admin"))) == "bot"


def test_t14_a_program_that_does_not_address_the_bot_tells_a_live_run_nothing() -> None:
    known = facts(None, live="r1", live_apps=(49699333,))
    assert reason(decide(comment("superseded by #9", actor=LISTED), {}, known)) == "not_addressed"
    assert isinstance(decide(comment("@bellhop see #9", actor=LISTED), {}, known), Append)
    assert reason(decide(comment("@bellhop see #9", actor=LISTED), {}, facts(None, live="r1"))) == "bot"


@pytest.mark.parametrize("changes", [{"label": "bug"}, {"label": None}, {"kind": "issues.opened"}, {"kind": "pull_request.labeled"}])
def test_what_no_profile_takes_is_ignored(changes: dict[str, Any]) -> None:
    assert reason(decide(event(**changes), FIX, facts("admin"))) == "no_profile"


def test_the_label_just_added_counts_and_not_those_that_were_there() -> None:
    assert reason(decide(event(label="bug", labels=("bug", "bellhop")), FIX, facts())) == "no_profile"
    opened = profile("fix", on={"issues": {"types": ["opened"], "labels": ["bellhop"]}})
    assert isinstance(decide(event("issues.opened", label=None), opened, facts()), Start)
    assert reason(decide(event("issues.opened", label=None, labels=()), opened, facts())) == "no_profile"


def test_a_filter_without_types_and_labels_takes_all() -> None:
    every = profile("fix", on={"issues": {}})
    assert isinstance(decide(event("issues.opened", label=None, labels=()), every, facts()), Start)


def test_of_two_profiles_the_first_by_name_is_taken_and_said() -> None:
    decision = decide(event(), profile("b") | profile("a"), facts())
    assert isinstance(decision, Start)
    assert decision.profile == "a"
    assert decision.why[1] == "b would too; a comes first by name"


def test_r5_a_second_label_while_a_run_is_live_starts_nothing() -> None:
    assert reason(decide(event(), FIX, facts(live="r1"))) == "already_running"


def test_a_comment_while_a_run_is_live_is_a_follow_up() -> None:
    decision = decide(comment("use tabs, please"), FIX, facts(live="r1"))
    assert isinstance(decision, Append)
    assert decision.run_id == "r1"


@pytest.mark.parametrize("permission", [None, "read", "triage"])
def test_a_comment_by_somebody_who_may_not_is_no_follow_up(permission: str | None) -> None:
    assert isinstance(decide(comment("use tabs"), FIX, facts(permission, live="r1")), Ignore)


def test_the_live_runs_profile_says_who_may_speak() -> None:
    assert reason(decide(comment("x"), FIX, facts("write", live="r1", live_permission="admin"))) == "not_permitted"


@pytest.mark.parametrize(("words", "kind"), [
    ("@bellhop cancel", Cancel), ("/bellhop stop", Stop), ("Thanks.\n\n@Bellhop Stop\n", Stop),
    ("@bellhop stop\n@bellhop cancel", Cancel), ("@bellhop now do this\n@bellhop stop", Stop),
])
def test_r37_a_command_ends_the_live_run(words: str, kind: type[Stop | Cancel]) -> None:
    decision = decide(comment(words), FIX, facts(live="r1"))
    assert isinstance(decision, kind)
    assert decision.run_id == "r1"


@pytest.mark.parametrize(("words", "now"), [
    ("@bellhop now use tabs", True), ("/bellhop NOW: use tabs", True), ("@bellhop now", True), ("@bellhop nowhere", False),
    ("use tabs now", False), ("now use tabs", False), ("> @bellhop now", False), ("@bellhop use tabs now", False),
])
def test_a_follow_up_says_whether_it_waits(words: str, now: bool) -> None:
    decision = decide(comment(words), FIX, facts(live="r1"))
    assert isinstance(decision, Append)
    assert decision.now is now


@pytest.mark.parametrize("words", ["stop", "> @bellhop stop", "```\n@bellhop stop\n```", "do not `@bellhop stop`", "@bellhop stop using tabs"])
def test_t10_what_only_looks_like_the_command_is_a_follow_up(words: str) -> None:
    assert isinstance(decide(comment(words), FIX, facts(live="r1")), Append)


def test_r37_cancel_without_a_live_run_and_by_somebody_else() -> None:
    assert reason(decide(comment("@bellhop cancel"), TALK, facts())) == "no_live_run"
    assert reason(decide(comment("@bellhop cancel"), TALK, facts("read", live="r1"))) == "not_permitted"


def test_t10_a_comment_starts_a_run_only_when_it_addresses_the_bot() -> None:
    assert isinstance(decide(comment("@bellhop fix this"), TALK, facts()), Start)
    assert reason(decide(comment("bellhop could fix this"), TALK, facts())) == "not_addressed"
    assert reason(decide(comment("> @bellhop fix this"), TALK, facts())) == "not_addressed"
    assert reason(decide(comment("@bellhop fix this"), FIX, facts())) == "no_profile"


def test_permission_is_asked_only_where_it_matters() -> None:
    assert needs_permission(event(), FIX, facts(None))
    assert needs_permission(comment("x"), FIX, facts(None, live="r1"))
    assert not needs_permission(event(), FIX, facts(None, live="r1"))
    assert not needs_permission(event(label="bug"), FIX, facts(None))
    assert not needs_permission(comment("x"), TALK, facts(None))


EVENTS = st.builds(
    event,
    kind=st.sampled_from(["issues.labeled", "issues.opened", "issue_comment.created", "push"]),
    label=st.sampled_from([None, "bellhop", "bug"]),
    labels=st.sampled_from([(), ("bellhop",), ("bug", "bellhop")]),
    text=st.one_of(st.text(), st.sampled_from(["@bellhop go", "@bellhop cancel", "<!-- @bellhop -->"])),
    actor=st.builds(
        Actor, id=st.just("1"), login=st.sampled_from(["octocat", BOT, "x[bot]"]), kind=st.sampled_from(["person", "bot"])
    ),
)
PROFILES = st.sampled_from([{}, FIX, TALK, FIX | TALK, profile("any", on={"issues": {}, "issue_comment": {}}), profile("a", permission="admin")])
FACTS = st.builds(
    facts,
    permission=st.sampled_from([None, "", "owner", *PERMISSIONS]),
    live=st.sampled_from([None, "r1"]),
    live_permission=st.sampled_from(["write", "maintain", "admin"]),
)


@given(EVENTS, PROFILES, FACTS)
def test_nothing_follows_without_a_person_who_may(happened: Event, profiles: dict[str, Profile], known: Facts) -> None:
    decision = decide(happened, profiles, known)
    if not isinstance(decision, Ignore):
        assert happened.actor.kind == "person"
        assert known.actor_permission in ("write", "maintain", "admin")
    if isinstance(decision, Start):
        assert decision.profile in profiles
        assert known.live_run_id is None
    if isinstance(decision, Append | Stop | Cancel):
        assert decision.run_id == known.live_run_id
    assert decision.why


@given(EVENTS, PROFILES, FACTS)
def test_deciding_twice_is_equal(happened: Event, profiles: dict[str, Profile], known: Facts) -> None:
    assert decide(happened, profiles, known) == decide(happened, dict(reversed(profiles.items())), known)


@given(EVENTS, PROFILES, FACTS)
def test_what_needs_no_permission_is_ignored_whatever_it_is(
    happened: Event, profiles: dict[str, Profile], known: Facts
) -> None:
    asked = needs_permission(happened, profiles, known)
    best = decide(happened, profiles, known.model_copy(update={"actor_permission": "admin"}))
    assert asked is not isinstance(best, Ignore)


def test_who_does_not_take_an_event_is_said_in_words() -> None:
    asked = event(label="bug", labels=("bug",))
    for profiles, says in (({}, "there is no profile"), (FIX, "the only profile, "), (FIX | {"other": next(iter(FIX.values()))}, "none of the 2 profiles takes")):
        decision = decide(asked, profiles, facts())
        assert isinstance(decision, Ignore)
        assert decision.why[0].startswith(says)


def test_a_conversation_stays_with_its_profile() -> None:
    both = {**profile("a", on={"issue_comment": {}}), **profile("b", on={"issue_comment": {}})}
    said = comment("@bellhop and the docs")
    assert decide(said, both, facts(earlier_profile="b")) == Start(profile="b", why=(
        "profile b takes issue_comment.created", "a would too; b has worked on this before", "octocat has write, needed is write",
    ))
    for earlier in (None, "gone"):
        decision = decide(said, both, facts(earlier_profile=earlier))
        assert isinstance(decision, Start)
        assert decision.profile == "a"
