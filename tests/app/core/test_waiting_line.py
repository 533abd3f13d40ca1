"""The line for places: who is next, whom a cap holds up, and that nobody waits for somebody else's hundreds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.line.place import minutes, ordinal, place_in
from app.core.line.ticket import Ticket
from app.core.line.waiting_line import Caps, line_up

MINUTE = 60_000


def ticket(run_id: str, since_ms: int, person: str = "ada", **members: Any) -> Ticket:
    return Ticket(run_id, since_ms, **({"owner": "octo", "repo": "1", "person": person, "profile": "fix", "host": "here"} | members))


def order(waiting: list[Ticket], under_way: list[Ticket] | None = None, **caps: Any) -> list[str]:
    line = line_up(waiting, under_way or [], Caps(**({"host": 1} | caps)), "here")
    return [each.run_id for each in (*line.now, *line.later)]


def test_t18_five_hundred_of_one_person_do_not_delay_anothers() -> None:
    flood = [ticket(f"a{n:03}", n) for n in range(500)]
    assert order([*flood, ticket("bob", 900, "bob")])[:3] == ["a000", "bob", "a001"]
    # Who has a place already comes after who has none.
    running = ticket("r", 0)
    line = line_up([*flood, ticket("bob", 900, "bob")], [running], Caps(host=2), "here")
    assert [each.run_id for each in line.now] == ["bob"]
    assert line.later[0].run_id == "a000"


def test_t18_with_one_place_the_next_is_who_was_not_the_last() -> None:
    """Nobody has anything under way each time that a place is given, so who was served last has to be known."""
    flood = [ticket(f"a{n}", n) for n in range(9)]
    line = line_up([*flood, ticket("bob", 900, "bob")], [], Caps(host=1), "here", served={("owner", "octo"): 500, ("person", "ada"): 500})
    assert [each.run_id for each in line.now] == ["bob"]
    assert [each.run_id for each in line.later][:2] == ["a0", "a1"]


def test_organisations_come_in_turn_and_people_within_them() -> None:
    many = [ticket(f"{person}{n}", n, person) for n in range(2) for person in ("ada", "bob")]
    other = [ticket(f"eve{n}", 50 + n, "eve", owner="small") for n in range(2)]
    assert order([*many, *other]) == ["ada0", "eve0", "bob0", "eve1", "ada1", "bob1"]


def test_people_come_before_schedules() -> None:
    nightly = ticket("nightly", 1, "clock", is_by_person=False)
    assert order([nightly, ticket("a", 5), ticket("b", 6)]) == ["a", "b", "nightly"]


@pytest.mark.parametrize(("cap", "members"), [
    ({"repository": 1}, {"person": "bob"}), ({"organisation": 1}, {"person": "bob", "repo": "2"}),
    ({"person": 1}, {"owner": "small", "repo": "2"}), ({"profiles": {"fix": 1}}, {"owner": "small", "repo": "2", "person": "bob"}),
])
def test_a_cap_holds_up_whom_it_is_for_and_nobody_behind(cap: dict[str, Any], members: dict[str, Any]) -> None:
    capped = ticket("capped", 1, **members)
    free = ticket("free", 2, "eve", owner="else", repo="3", profile="other")
    line = line_up([capped, free], [ticket("r", 0)], Caps(host=3, **cap), "here")
    assert [each.run_id for each in line.now] == ["free"]
    assert [each.run_id for each in line.later] == ["capped"]
    assert "1 run " in line.held["capped"]
    # A program is nobody whose places a cap on people would count.
    if "person" in cap:
        assert not line_up([capped._replace(is_by_person=False)], [ticket("r", 0)], Caps(host=3, **cap), "here").held


def test_what_runs_elsewhere_takes_no_place_here() -> None:
    assert line_up([ticket("a", 1)], [ticket("r", 0, host="there")], Caps(host=1), "here").now


TICKETS = st.lists(
    st.builds(
        ticket, run_id=st.uuids().map(str), since_ms=st.integers(0, 20), person=st.sampled_from(["ada", "bob", "eve"]),
        owner=st.sampled_from(["octo", "small"]), repo=st.sampled_from(["1", "2"]), profile=st.sampled_from(["fix", "ci"]),
        is_by_person=st.booleans(), host=st.sampled_from(["here", "there"]),
    ),
    max_size=12,
)
MAYBE = st.none() | st.integers(1, 4)
CAPS = st.builds(
    Caps, host=st.integers(1, 4), repository=MAYBE, organisation=MAYBE, person=MAYBE,
    profiles=st.dictionaries(st.sampled_from(["fix", "ci"]), st.integers(1, 3)),
)


@given(TICKETS, TICKETS, CAPS)
def test_nobody_is_dropped_or_served_twice_and_no_cap_is_passed(waiting: list[Ticket], under_way: list[Ticket], caps: Caps) -> None:
    line = line_up(waiting, under_way, caps, "here")
    assert sorted(each.run_id for each in (*line.now, *line.later)) == sorted(each.run_id for each in waiting)
    assert line_up(list(reversed(waiting)), under_way, caps, "here") == line
    # One after another they may all begin, and none that is left.
    going = list(under_way)
    for each in line.now:
        assert each.run_id not in line_up([each], going, caps, "here").held
        going.append(each._replace(host="here"))
    assert sum(each.host == "here" for each in going) <= max(caps.host, sum(each.host == "here" for each in under_way))
    if sum(each.host == "here" for each in going) < caps.host:
        assert set(line.held) == {each.run_id for each in line.later}


@given(TICKETS)
def test_t18_how_many_more_somebody_has_in_the_line_changes_nobodys_next(waiting: list[Ticket]) -> None:
    """One of a person's, or thirty: whose turn it is next does not change by it."""
    flood = [ticket(f"flood{n}", 30 + n, "mallory") for n in range(30)]
    assert order([*waiting, flood[0]])[0] == order([*waiting, *flood])[0]


def test_the_wait_is_known_only_where_every_duration_before_it_is() -> None:
    waiting = [ticket("a", 1), ticket("b", 2, "bob", profile="ci"), ticket("c", 3, "eve")]
    going = [ticket("r", 0, "zoe", began_ms=0)]
    line = line_up(waiting, going, Caps(host=1), "here")

    def said(run_id: str, **durations: int) -> str:
        known = {name: span * MINUTE for name, span in durations.items()}
        place = place_in(line, run_id, going, host="here", places=1, durations_ms=known, now_ms=4 * MINUTE)
        return "" if place is None else place.words

    assert said("a", fix=10) == "queued 1st, about 6 min"
    assert said("c", fix=10) == "queued 3rd"
    assert said("c", fix=10, ci=20) == "queued 3rd, about 40 min"
    assert said("a", fix=2) == "queued 1st, about 1 min", "one that is late ends some time soon"
    assert said("r", fix=10) == ""


def test_a_held_run_is_told_why_and_no_time() -> None:
    going = [ticket("r", 0)]
    line = line_up([ticket("a", 1)], going, Caps(host=4, person=1), "here")
    place = place_in(line, "a", going, host="here", places=4, durations_ms={"fix": MINUTE}, now_ms=0)
    assert place is not None
    assert place.words == "queued 1st; 1 run of the same person at once is the most"


@pytest.mark.parametrize(("wait_ms", "words"), [
    (0, "1 min"), (MINUTE, "1 min"), (MINUTE + 1, "2 min"), (10 * MINUTE, "10 min"), (11 * MINUTE, "15 min"), (56 * MINUTE, "1 h"),
    (61 * MINUTE, "1 h 15 min"), (120 * MINUTE, "2 h"),
])
def test_a_wait_in_round_words(wait_ms: int, words: str) -> None:
    assert minutes(wait_ms) == words


def test_ordinals() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th",
    ]
