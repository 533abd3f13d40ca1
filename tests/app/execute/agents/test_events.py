from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.assignment import SandboxEnd
from app.core.step import Step
from app.execute.agents import agent_named, agent_names, events
from sidecar.runner.lines import LineSplitter
from tasks.finishing.model_trouble import model_trouble

TYPES = (
    "assistant", "user", "system", "result", "item.started", "item.completed", "item.updated", "turn.completed", "turn.failed", "error",
    "text", "reasoning", "tool_use", "tool_result", "step_start", "step_finish", "message", "init",
)
ITEMS = ("agent_message", "command_execution", "mcp_tool_call", "file_change", "todo_list", "error", "reasoning", "text", "tool_use", "thinking")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from((
        "content", "text", "type", "input", "state", "tokens", "error", "message", "items", "changes", "result", "command", "todos", "data",
        "tool", "output", "stats", "part", "item",
    )), inner, max_size=4),
    max_leaves=12,
)
EVENTS = st.fixed_dictionaries({"type": st.sampled_from(TYPES)}, optional={
    "item": st.fixed_dictionaries({"type": st.sampled_from(ITEMS)}, optional={"items": JSON, "changes": JSON, "text": JSON, "result": JSON, "error": JSON}),
    "message": JSON | st.fixed_dictionaries({"content": st.lists(st.fixed_dictionaries({"type": st.sampled_from(ITEMS)}, optional={"input": JSON, "text": JSON}))}),
    "part": JSON | st.fixed_dictionaries({"tool": JSON, "state": JSON, "tokens": JSON, "text": JSON, "reason": JSON}),
    "usage": JSON, "stats": JSON, "error": JSON, "errors": JSON, "result": JSON, "parameters": JSON, "role": st.just("assistant"),
})


@pytest.mark.parametrize("name", agent_names())
@given(event=EVENTS | JSON)
def test_whatever_an_event_holds_is_a_step(name: str, event: Any) -> None:
    """No exception: the gateway would keep such a line as a log, without the adapter's word on it."""
    line = json.dumps(event)
    steps = agent_named(name).parse("stdout", line)
    assert steps
    assert all(isinstance(step, Step) and len(step.model_dump_json()) <= 2 * len(line) + 20_000 for step in steps)
    agent_named(name).final_message(steps)
    agent_named(name).succeeded(SandboxEnd(reason="exited", exit_code=0), steps)


@pytest.mark.parametrize(
    "line", ["", "[]", "1", "{", '{"type":', '{"a":1}{"b":2}', '{"a":NaN}', '{"a":1} x', "\ufeff{}", '{"a":' * 5000, " {}", "null"],
    ids=("nothing", "list", "number", "open", "half", "two", "nan", "tail", "mark", "deep", "space", "null"),
)
def test_what_is_no_json_object_is_no_event(line: str) -> None:
    assert events.event_of("stdout", line) is None


def test_only_standard_output_holds_events() -> None:
    assert events.event_of("stdout", '{"a":1}') == {"a": 1}
    assert [events.event_of(stream, '{"a":1}') for stream in ("stderr", "runner", "gateway", "")] == [None] * 4


def test_an_end_that_the_runner_had_to_cut_is_still_an_end() -> None:
    whole = json.dumps({"type": "result", "subtype": "success", "is_error": False, "usage": {"output_tokens": 3}, "result": "x" * 100_000})
    [cut] = LineSplitter().feed(whole.encode() + b"\n")
    assert len(cut) < len(whole)
    event = events.event_of("stdout", cut)
    assert event is not None
    assert event["is_error"] is False
    steps = agent_named("claude-code").parse("stdout", cut)
    assert agent_named("claude-code").succeeded(SandboxEnd(reason="exited", exit_code=0), steps)


def test_a_step_is_of_bounded_size() -> None:
    made = events.step("tool_call", "y" * 100_000, arguments={"content": "z" * 100_000}, id=None)
    assert len(made.model_dump_json()) < 3 * events.TEXT_CHARS
    assert made.text.endswith("[... 84000 more characters cut]")
    assert "id" not in made.data


def test_a_line_of_very_many_blocks_makes_a_bounded_number_of_steps() -> None:
    line = json.dumps({"type": "assistant", "message": {"content": [{"type": "text", "text": "x"}] * 10_000}})
    assert len(agent_named("claude-code").parse("stdout", line)) == events.STEPS_PER_LINE


def test_pieces_of_a_message_are_one_word() -> None:
    said = [
        Step(kind="message", text="before"), Step(kind="tool_call", text="ls"), Step(kind="message", text="All ", data={"piece": True}),
        Step(kind="message", text="done.", data={"piece": True}), Step(kind="usage", data={"turn": "completed"}),
    ]
    assert events.last_word(said) == "All done."
    assert events.last_word(said[:1]) == "before"
    assert events.last_word([*said, Step(kind="error", text="429", data={"turn": "failed"})]) == "429"


def test_a_plan_is_a_list_of_what_is_done_and_what_is_not() -> None:
    todos = [{"content": "look", "status": "completed"}, {"content": "mend", "status": "in_progress"}, "x"]
    line = json.dumps({"type": "assistant", "message": {"content": [{"type": "tool_use", "id": "1", "name": "TodoWrite", "input": {"todos": todos}}]}})
    assert [(step.kind, step.text) for step in agent_named("claude-code").parse("stdout", line)] == [("plan", "[x] look\n[ ] mend")]
    items = [{"text": "look", "completed": True}, {"text": "mend", "completed": False}]
    line = json.dumps({"type": "item.updated", "item": {"id": "1", "type": "todo_list", "items": items}})
    assert [(step.kind, step.text) for step in agent_named("codex").parse("stdout", line)] == [("plan", "[x] look\n[ ] mend")]


def test_what_codex_tells_on_the_way_is_no_end() -> None:
    codex = agent_named("codex")
    lines = (
        '{"type":"turn.started"}', '{"type":"item.completed","item":{"id":"0","type":"error","message":"Model metadata not found"}}',
        '{"type":"error","message":"Reconnecting... 1/2"}', '{"type":"item.completed","item":{"id":"1","type":"agent_message","text":"done"}}',
        '{"type":"turn.completed","usage":{"input_tokens":1,"output_tokens":2}}',
    )
    steps = [step for line in lines for step in codex.parse("stdout", line)]
    assert [step.kind for step in steps] == ["log", "log", "error", "message", "usage"]
    assert codex.succeeded(SandboxEnd(reason="exited", exit_code=0), steps)


def test_claude_codes_error_with_subtype_success_is_an_error() -> None:
    claude = agent_named("claude-code")
    line = json.dumps({"type": "result", "subtype": "success", "is_error": True, "api_error_status": 500, "result": "API Error: 500"})
    steps = claude.parse("stdout", line)
    assert not claude.succeeded(SandboxEnd(reason="exited", exit_code=0), steps)
    assert claude.final_message(steps) == "API Error: 500"
    assert steps[-1].data["status"] == 500


def test_that_bellhop_has_no_key_is_told_by_its_code_whatever_a_cli_makes_of_it() -> None:
    """The operator has to act then, not the person who rang: tasks/finishing/model_trouble.py."""
    why = "API Error: 503 this Bellhop has no key for openai: its operator sets OPENAI_API_KEY. Try again."
    end = SandboxEnd(reason="exited", exit_code=1)
    for line in (
        json.dumps({"type": "turn.failed", "error": {"message": why}}), json.dumps({"type": "result", "is_error": True, "result": why}),
        json.dumps({"type": "error", "error": {"name": "APIError", "data": {"message": why}}}),
        json.dumps({"type": "result", "status": "error", "error": {"message": why}}),
    ):
        found = [agent_named(name).parse("stdout", line) for name in ("codex", "claude-code", "opencode", "gemini-cli")]
        troubles = [trouble for steps in found if (trouble := model_trouble(end, None, steps, "why")) is not None]
        assert {trouble.reason for trouble in troubles} == {"model_key"}, line
