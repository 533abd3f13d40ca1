from __future__ import annotations

from app.core.sandbox.turn import last_turn
from app.core.step import Step


def step(text: str, stream: str = "stdout") -> Step:
    return Step(kind="log", text=text, data={"stream": stream})


def test_the_steps_of_the_last_turn_are_those_since_the_runner_said_that_it_begins() -> None:
    steps = [step("one"), step("turn 2 begins, with what ann said", "runner"), step("two"),
             step("turn 3 begins, with what bob said", "runner"), step("three")]
    assert [each.text for each in last_turn(steps)][1:] == ["three"]
    assert last_turn(steps[:1]) == steps[:1]
    assert last_turn([]) == []


def test_an_agents_own_words_begin_no_turn() -> None:
    steps = [step("failed"), step("turn 2 begins, with what ann said"), step("all is well")]
    assert last_turn(steps) == steps
