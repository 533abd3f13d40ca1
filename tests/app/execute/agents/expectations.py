"""What every adapter must make of a scenario, whatever its agent prints: said once, for recorded and for real streams."""

from __future__ import annotations

from app.core.assignment import SandboxEnd
from app.core.sandbox.turn import last_turn
from app.core.step import Step
from app.execute.agents import agent_named
from app.execute.agents.events import TEXT_CHARS
from tests.app.execute.agents.clis import Cli
from tests.app.execute.agents.scenarios import LATER, WORD


def meets(cli: Cli, scenario: str, end: SandboxEnd, steps: list[Step]) -> None:
    """Raise AssertionError where an adapter's Steps do not tell what happened."""
    adapter = agent_named(cli.name)
    last = last_turn(steps)
    succeeded, word = adapter.succeeded(end, last), adapter.final_message(last)
    assert all(len(step.text) <= TEXT_CHARS + 100 for step in steps if step.kind != "log")
    if scenario == "edit":
        assert (succeeded, word) == (True, WORD)
        tells_of_the_work(cli, steps)
    elif scenario in ("resumed", "interrupted"):
        assert (succeeded, word) == (True, LATER)
    else:
        assert not succeeded
        assert end.reason == ("cancelled" if scenario == "stopped" else "exited")
        # Why it came to nothing is what the thread is told.
        assert scenario == "stopped" or word or any(step.kind == "error" for step in steps)


def tells_of_the_work(cli: Cli, steps: list[Step]) -> None:
    """Raise AssertionError where commands, what came of them, files and use are not told."""
    calls = [step for step in steps if step.kind == "tool_call"]
    results = [step for step in steps if step.kind == "tool_result"]
    assert any("echo hello > hello.txt" in step.text for step in calls)
    assert any("made it" in step.text for step in results)
    assert any("trouble" in step.text for step in results)
    assert any("second.txt" in step.text for step in steps if step.kind in ("tool_call", "file_change"))
    if cli.update is not None:
        assert any("post_update" in step.text and "I have begun." in step.text for step in calls)
        assert any("the thread is told" in step.text for step in results)
    used = [step.data for step in steps if step.kind == "usage"]
    assert sum(data.get("input_tokens", 0) for data in used) > 0
    assert sum(data.get("output_tokens", 0) for data in used) > 0
