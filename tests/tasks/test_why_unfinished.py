"""A person who reads that an agent failed reads why, too, as far as it has said so."""

from __future__ import annotations

from app.core.assignment import SandboxEnd
from app.core.step import Step
from app.execute.agents.command import Command
from tasks.finishing.collect import why_unfinished

EXITED = SandboxEnd(reason="exited", exit_code=2)


def _printed(*lines: tuple[str, str]) -> list[Step]:
    return [step for stream, line in lines for step in Command().parse(stream, line)]


def test_a_command_that_fails_shows_the_last_line_of_its_errors() -> None:
    said = _printed(("stderr", "reading a.txt"), ("stderr", "a.txt: no such file "), ("stdout", "half done"), ("stderr", "  "))
    assert why_unfinished(EXITED, said) == "it ended with exit code 2; the last it printed: a.txt: no such file"


def test_what_an_agent_calls_its_error_comes_before_what_it_printed() -> None:
    said = [*_printed(("stderr", "a warning")), Step(kind="error", text="the model is gone")]
    assert why_unfinished(EXITED, said) == "it ended with exit code 2; its last error: the model is gone"


def test_one_that_was_ended_is_not_explained_by_what_it_happened_to_print() -> None:
    said = _printed(("stderr", "installing"))
    assert why_unfinished(SandboxEnd(reason="timeout", exit_code=None), said) == "it ran out of time"
    assert why_unfinished(EXITED, _printed(("stdout", "done"))) == "it ended with exit code 2"
