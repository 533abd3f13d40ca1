from __future__ import annotations

import json
from typing import Any

import pytest

from app.core.assignment import SandboxEnd
from app.core.profile import AgentChoice, Profile
from app.core.step import Step
from app.errors import ProfileError
from app.execute.agents import agent_named, agent_names
from app.ports import AgentAdapter

EXITED = SandboxEnd(reason="exited", exit_code=0)
SUBMITTED = Step(kind="message", text="mended", data={"final": True, "status": "submitted"})


def profile(agent: dict[str, Any], **more: Any) -> Profile:
    return Profile.model_validate({"name": "p", "on": {"issues": {}}, "agent": agent} | more)


def mini_profile(**more: Any) -> Profile:
    return profile({"uses": "mini", "model": "anthropic/claude-x"}, **more)


def test_the_door_admits_the_model_and_its_fallback_and_no_other() -> None:
    asked = profile({"uses": "mini", "model": "openai/x", "fallback-model": "openai/y"})
    assert agent_named("mini").assignment("run1", asked, "the prompt", "c0ffee").models == ("openai/x", "openai/y")
    assert agent_named("mini").assignment("run1", mini_profile(), "the prompt", "c0ffee").models == ("anthropic/claude-x",)


def test_an_unknown_agent_is_answered_with_those_there_are() -> None:
    with pytest.raises(ProfileError, match="acp, claude-code, codex, command, gemini-cli, mini, opencode"):
        agent_named("coder")


@pytest.mark.parametrize("name", agent_names())
def test_each_adapter_answers_to_its_name(name: str) -> None:
    adapter: AgentAdapter = agent_named(name)
    assert adapter.name == name
    assert adapter.final_message([]) == ""
    assert adapter.parse("stderr", "{not json") == [Step(kind="log", text="{not json", data={"stream": "stderr"})]


def test_command_runs_by_the_images_own_shell_with_the_prompt_in_a_file() -> None:
    asked = profile(
        {"uses": "command", "with": {"run": "make fmt\n"}}, **{"env": {"A": "b"}, "timeout-minutes": 2, "limits": {"idle-minutes": 1}}
    )
    assignment = agent_named("command").assignment("run1", asked, "the prompt", "c0ffee")
    assert assignment.argv == ("sh", "-ec", "make fmt")
    assert assignment.env == {"A": "b", "BELLHOP_PROMPT_FILE": "/home/bellhop/prompt.md"}
    assert assignment.files == {"prompt.md": "the prompt"}
    assert (assignment.run_id, assignment.role, assignment.base_commit) == ("run1", "work", "c0ffee")
    assert (assignment.timeout_seconds, assignment.idle_timeout_seconds, assignment.wants_messages) == (120, 60, False)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ({"uses": "command"}, "run"),
        ({"uses": "command", "with": {"run": "  "}}, "run"),
        ({"uses": "command", "with": {"run": "x", "shell": "zsh"}}, "shell"),
        ({"uses": "command", "with": {"run": "x"}, "model": "openai/x"}, "model"),
        ({"uses": "command", "with": {"run": "x"}, "fallback-model": "openai/x"}, "fallback-model"),
        *(({"uses": "mini", "model": "openai/x", "fallback-model": other}, "same vendor") for other in (
            "anthropic/y", "openai/x", "openai/", "openai", "openai/*",
        )),
        ({"uses": "acp", "model": "openai/x"}, "command"),
        ({"uses": "acp", "model": "openai/x", "with": {"command": []}}, "command"),
        ({"uses": "acp", "model": "x", "with": {"command": ["a"]}}, "<vendor>/<model>"),
        ({"uses": "acp", "with": {"command": ["a"]}}, "<vendor>/<model>"),
        ({"uses": "mini"}, "anthropic/<model>"),
        ({"uses": "mini", "model": "claude-x"}, "claude-x"),
        ({"uses": "mini", "model": "gemini/x"}, "openai/<model>"),
        ({"uses": "mini", "model": "openai/"}, "openai/<model>"),
        ({"uses": "mini", "model": "openai/x", "with": {"temperature": 1}}, "It takes `command-timeout-seconds`"),
        ({"uses": "mini", "model": "openai/x", "with": {"command-timeout-seconds": 0}}, "greater than or equal"),
        ({"uses": "codex", "model": "anthropic/x"}, "`agent: model:` of `codex` must be `openai/<model>`"),
        ({"uses": "codex"}, "openai/<model>"),
        ({"uses": "codex", "model": "openai/x", "fallback-model": "anthropic/y"}, "same vendor"),
        ({"uses": "codex", "model": "openai/x", "with": {"reasoning-effort": "utmost"}}, "reasoning-effort"),
        ({"uses": "codex", "model": "openai/x", "with": {"web-search": True}}, "It takes `reasoning-effort`"),
        ({"uses": "claude-code", "model": "openai/x"}, "anthropic/<model>"),
        ({"uses": "claude-code", "model": "anthropic/x", "with": {"max-turns": 0}}, "greater than or equal"),
        ({"uses": "claude-code", "model": "anthropic/x", "fallback-model": "anthropic/x"}, "same vendor"),
        ({"uses": "opencode", "model": "gemini/x"}, "`anthropic/<model>` or `openai/<model>`"),
        ({"uses": "opencode", "model": "openai/x", "with": {"share": True}}, "there is no such key"),
        ({"uses": "gemini-cli", "model": "openai/x"}, "gemini/<model>"),
        ({"uses": "gemini-cli", "model": "gemini/x", "with": {"sandbox": True}}, "there is no such key"),
    ],
)
def test_what_does_not_suit_an_agent_is_named(agent: dict[str, Any], words: str) -> None:
    choice = AgentChoice.model_validate(agent)
    with pytest.raises(ProfileError, match=words):
        agent_named(choice.uses).check(choice)
    with pytest.raises(ProfileError):
        agent_named(choice.uses).assignment("r", profile(agent), "p", "c")


def test_command_succeeds_by_exit_status_alone_and_its_last_line_is_its_word() -> None:
    command = agent_named("command")
    steps = [*command.parse("stdout", "formatted 3 files"), *command.parse("stdout", "  "), *command.parse("stderr", "warning")]
    assert command.final_message(steps) == "formatted 3 files"
    assert command.succeeded(EXITED, steps)
    assert not command.succeeded(SandboxEnd(reason="exited", exit_code=1), steps)
    assert not command.succeeded(SandboxEnd(reason="timeout", exit_code=0), steps)


def test_mini_gets_its_task_in_a_file_and_a_base_url_and_no_key() -> None:
    assignment = agent_named("mini").assignment("run1", mini_profile(limits={"max-steps": 7}), "fix \N{BUG}", "c0ffee")
    assert assignment.argv == ("/agent/bin/python3", "-I", "/agent/lib/bellhop/mini", ".bellhop/mini.json")
    assert json.loads(assignment.files[".bellhop/mini.json"]) == {
        "vendor": "anthropic", "model": "claude-x", "base_url": "http://127.0.0.1:4117/anthropic", "task": "fix \N{BUG}",
        "step_limit": 7, "command_timeout_seconds": 120, "max_output_tokens": 8192,
    }
    assert (assignment.env, assignment.wants_messages) == ({}, True)


def test_a_model_name_may_hold_slashes() -> None:
    assignment = agent_named("mini").assignment("r", profile({"uses": "mini", "model": "openai/org/model:1"}), "p", "c")
    assert json.loads(assignment.files[".bellhop/mini.json"])["model"] == "org/model:1"


def test_a_read_only_workspace_asks_for_no_bundle() -> None:
    assert agent_named("mini").assignment("r", mini_profile(workspace="ro"), "p", "c").base_commit is None


@pytest.mark.parametrize(
    ("stream", "line", "step"),
    [
        ("stdout", '{"kind":"tool_call","text":"ls","data":{"id":"x"}}', Step(kind="tool_call", text="ls", data={"id": "x"})),
        ("stdout", '{"kind":"tool_call"}', Step(kind="tool_call")),
        ("stdout", '{"kind":"boast","text":"x"}', None),
        ("stdout", '{"kind":"log","text":"x","more":1}', None),
        ("stdout", '{"kind":"log","text":[]}', None),
        ("stdout", '["kind"]', None),
        ("stdout", "", None),
        ("stderr", '{"kind":"message","text":"x","data":{"final":true,"status":"submitted"}}', None),
    ],
)
def test_mini_lines_are_steps_and_anything_else_is_a_log(stream: str, line: str, step: Step | None) -> None:
    assert agent_named("mini").parse(stream, line) == [step or Step(kind="log", text=line, data={"stream": stream})]


def test_mini_succeeds_by_exit_status_and_final_word_never_one_alone() -> None:
    mini = agent_named("mini")
    assert mini.succeeded(EXITED, [SUBMITTED])
    assert not mini.succeeded(EXITED, [])
    assert not mini.succeeded(EXITED, [Step(kind="message", text="submitted")])
    assert not mini.succeeded(EXITED, [SUBMITTED, Step(kind="message", data={"final": True, "status": "step_limit"})])
    assert not mini.succeeded(SandboxEnd(reason="exited", exit_code=3), [SUBMITTED])
    assert not mini.succeeded(SandboxEnd(reason="cancelled", exit_code=0), [SUBMITTED])


def test_minis_word_is_what_it_submitted_or_said_last() -> None:
    mini = agent_named("mini")
    said = [Step(kind="message", text="looking"), Step(kind="tool_call", text="ls")]
    assert mini.final_message(said) == "looking"
    assert mini.final_message([*said, SUBMITTED]) == "mended"


def test_an_agent_of_the_protocol_is_driven_in_turns_and_finds_its_settings() -> None:
    asked = profile({"uses": "acp", "model": "openai/x", "with": {
        "command": ["my-agent", "--acp"], "mode": "full", "parts": ["opencode"], "files": {".my-agent.json": "{}"},
    }})
    agent = agent_named("acp")
    first = agent.assignment("r", asked, "the prompt", "c")
    assert first.argv == ("/agent/bin/python3", "-I", "/agent/lib/bellhop/acp_driver", ".bellhop/acp.json")
    assert json.loads(first.files[".bellhop/acp.json"]) == {
        "command": ["my-agent", "--acp"], "mode": "full", "mcp_url": "http://127.0.0.1:4117/mcp",
    }
    assert (first.stdin, first.files[".my-agent.json"], first.models) == ("the prompt", "{}", ("openai/x",))
    assert first.next_argv == agent.assignment("r", asked, "p", "c", continues=True).argv == (*first.argv, "--continue")
    assert agent.parts(asked.agent) == ("opencode",)
    assert agent_named("mini").parts(asked.agent) == ()


CLI_MODELS = {
    "codex": "openai/gpt-5", "claude-code": "anthropic/claude-x", "opencode": "openai/gpt-5", "gemini-cli": "gemini/gemini-x",
}


@pytest.mark.parametrize(("name", "model"), CLI_MODELS.items(), ids=CLI_MODELS)
def test_a_cli_is_asked_on_its_standard_input_and_goes_on_in_its_own_home(name: str, model: str) -> None:
    adapter = agent_named(name)
    asked = profile({"uses": name, "model": model, "fallback-model": f"{model}-small"}, env={"A": "b"})
    first = adapter.assignment("run1", asked, "fix \N{BUG} --help", "c0ffee")
    later = adapter.assignment("run2", asked, "and this", "c0ffee", continues=True)
    assert first.argv[0] == f"/agent-{adapter.parts(asked.agent)[-1]}/bin/{first.argv[0].rpartition('/')[2]}"
    # Never an argument: the kernel takes no more than 128 KiB of one, and it would stand in the list of processes.
    assert first.stdin == "fix \N{BUG} --help"
    assert not any("fix" in word for word in (*first.argv, *first.files.values(), *first.env.values()))
    assert (later.argv, later.stdin) == (first.next_argv, "and this")
    assert first.argv != first.next_argv == later.next_argv
    assert first.env["A"] == "b"
    assert first.models == (model, f"{model}-small")
    assert not first.wants_messages


@pytest.mark.parametrize(("name", "model"), CLI_MODELS.items(), ids=CLI_MODELS)
def test_a_cli_is_led_to_the_door_alone_and_holds_no_key(name: str, model: str) -> None:
    made = agent_named(name).assignment("run1", profile({"uses": name, "model": model}), "p", "c0ffee")
    told = "\n".join((*made.files.values(), *made.env.values(), *made.argv))
    assert f"http://127.0.0.1:4117/{model.partition('/')[0]}" in told
    assert "http://127.0.0.1:4117/mcp" in told
    hosts = {url.partition("/")[0] for url in told.replace("https://", "http://").split("http://")[1:]}
    # The second is the name of a schema, which is not fetched.
    assert hosts <= {"127.0.0.1:4117", "opencode.ai"}
    keys = [value for name, value in made.env.items() if name.endswith("API_KEY")]
    assert set(keys) <= {"bellhop-puts-the-key-in"}
