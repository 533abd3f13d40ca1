"""A conversation that goes round in circles is known by how its runs began."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.decide import Ignore, Start, decide
from app.core.deciding.breaker import MOST, MOST_WITH_WORDS, WINDOW_MS, Began, began, can_loop, loop_in
from app.core.event import Actor
from tests.app.core.test_decide import BOT, LISTED, TALK, comment, event, facts, listing

NOW = 10 * WINDOW_MS


def ran(count: int, *, by_words: bool = False, newest_ms: int = NOW - 1000, goes_on: bool = False) -> list[Began]:
    return [Began(f"r{n}", newest_ms - n * 1000, by_words, goes_on) for n in range(count)]


def test_t14_five_runs_in_an_hour_with_no_person_between_are_a_loop() -> None:
    assert loop_in(ran(MOST - 1), NOW) is None
    loop = loop_in(ran(MOST), NOW)
    assert loop is not None
    assert (loop.runs, loop.since_run, loop.may_go_on) == (MOST, "r0", True)
    # It ends by itself, as soon as so many are no longer within the hour.
    assert loop_in(ran(MOST), loop.until_ms - 1) is not None
    assert loop_in(ran(MOST), loop.until_ms) is None


def test_a_person_between_makes_it_none_and_a_conversation_of_people_may_be_longer() -> None:
    assert loop_in([*ran(2), *ran(1, by_words=True), *ran(MOST)], NOW) is None
    assert loop_in(ran(MOST_WITH_WORDS - 1, by_words=True), NOW) is None
    assert loop_in(ran(MOST_WITH_WORDS, by_words=True), NOW) is not None, "a program under a person's token is a person to us"


def test_t14_one_continue_within_an_hour_is_taken_at_its_word() -> None:
    told = ran(1, by_words=True, goes_on=True)
    assert loop_in([*told, *ran(MOST)], NOW) is None
    again = loop_in([*ran(MOST), *told, *ran(MOST)], NOW)
    assert again is not None
    assert not again.may_go_on
    # The second one of the hour is a word like any other.
    third = loop_in([*ran(MOST), *told, *ran(MOST), *told, *ran(MOST)], NOW)
    assert third is not None
    assert not third.may_go_on


@pytest.mark.parametrize(("words", "ends"), [
    ("@bellhop continue", True), ("/bellhop Continue.", True), ("@bellhop continue with the docs", False), ("continue", False),
    ("> @bellhop continue", False), ("@bellhop fix it", False),
])
def test_t14_only_the_word_of_somebody_who_may_ends_it(words: str, ends: bool) -> None:
    loop = loop_in(ran(MOST), NOW)
    said = comment(words)
    assert isinstance(decide(said, TALK, facts("write", loop=loop)), Start) is ends
    assert isinstance(decide(said, TALK, facts("triage", loop=loop)), Ignore)
    assert isinstance(decide(comment(words, actor=LISTED), listing(int(LISTED.id)), facts(None, loop=loop)), Ignore)
    used = loop.model_copy(update={"may_go_on": False}) if loop else None
    assert isinstance(decide(said, TALK, facts("write", loop=used)), Ignore)


def test_how_a_run_began() -> None:
    def of(happened: Any) -> Began:
        return began("r", 1, happened, BOT)

    assert of(comment("@bellhop go")).by_words
    assert of(comment("@bellhop continue")).goes_on
    assert not of(comment("@bellhop continue", actor=LISTED)).by_words
    assert not of(event(actor=Actor(id="1", login="o", kind="person"))).by_words, "a label may be a workflow's, under a person's token"
    assert can_loop(event())
    assert not can_loop(event("by_hand"))
