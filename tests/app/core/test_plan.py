"""An agent's to-do list, as each of the CLIs tells it, in a card."""

from __future__ import annotations

import json

import pytest

from app.core.showing.plan import plan_of
from app.execute.agents import agent_named
from sidecar.acp_driver.steps import Narrator

TODOS = [{"content": "look", "status": "completed"}, {"content": "mend", "status": "in_progress"}]
CLAUDE = {"type": "assistant", "message": {"content": [{"type": "tool_use", "id": "t", "name": "TodoWrite", "input": {"todos": TODOS}}]}}
CODEX = {"type": "item.updated", "item": {"id": "1", "type": "todo_list", "items": [{"text": "look", "completed": True}, {"text": "mend", "completed": False}]}}
OPENCODE = {"type": "tool_use", "part": {"callID": "t", "tool": "todowrite", "state": {"status": "completed", "input": {"todos": TODOS}}}}


@pytest.mark.parametrize(("agent", "line"), [("claude-code", CLAUDE), ("codex", CODEX), ("opencode", OPENCODE)], ids=["claude-code", "codex", "opencode"])
def test_a_to_do_list_is_read_whoever_tells_it(agent: str, line: object) -> None:
    [said] = [each for each in agent_named(agent).parse("stdout", json.dumps(line)) if each.kind == "plan"]
    assert plan_of(said.text) == (("look", True), ("mend", False))


def test_so_is_one_that_comes_over_acp() -> None:
    [said] = Narrator().hear({"sessionUpdate": "plan", "entries": TODOS})
    assert plan_of(said["text"]) == (("look", True), ("mend", False))


def test_a_plan_is_bounded_and_what_is_none_is_left_out() -> None:
    assert plan_of("[x] look\nnot one\n[ ] \n[?] nor that\n[pending] mend  it") == (("look", True), ("mend it", False))
    long = plan_of("\n".join(f"[{'x' if number < 15 else ' '}] {'step ' * 100}{number}" for number in range(40)))
    assert (len(long), long[-1], max(len(step) for step, _ in long)) == (20, ("and 21 more", False), 150)
    assert plan_of("") == ()
