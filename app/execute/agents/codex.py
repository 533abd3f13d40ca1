"""The agent `codex`: OpenAI's Codex CLI, headless, on the Responses API.

    agent:
      uses: codex
      model: openai/gpt-5-codex
      with:
        reasoning-effort: high                    # the model's own default otherwise

https://github.com/openai/codex/blob/main/docs/config.md, https://github.com/openai/codex/blob/main/docs/exec.md
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

from app.core.assignment import LOOPBACK_URL, Assignment, SandboxEnd
from app.core.profile import AgentChoice, Profile
from app.core.step import Step, StepKind
from app.execute.agents import programs
from app.execute.agents.cli import NO_KEY_INSIDE, TOOLS_NAME, TOOLS_SECONDS, TOOLS_URL
from app.execute.agents.events import call_words, checklist, ended_well, last_word, step, steps_of, usage
from app.execute.agents.options import CliOptions, model_patterns, read_options, run_members, vendor_and_model
from app.execute.tooling import layout

VENDORS = ("openai",)
CONFIG_NAME = ".codex/config.toml"
# Nothing is asked, and nothing is sealed a second time: the sandbox is ours.
FLAGS = ("--json", "--dangerously-bypass-approvals-and-sandbox", "--skip-git-repo-check", "-")
USAGE = {"input_tokens": "input_tokens", "cached_input_tokens": "cached_input_tokens", "output_tokens": "output_tokens"}
# Without a root certificate at hand it has no tools by HTTP either, and an image may bring none. The commands that it runs find
# the image's own, as ever.
ROOTS = "SSL_CERT_FILE"

# What would leave the sandbox, or wait for it: each is refused at the door, or would be, or has nobody to speak to.
# A model that does not answer is told in seconds: Codex's own defaults make thirty requests.
CONFIG = """\
model = {model}
model_provider = "bellhop"
check_for_update_on_startup = false
web_search = "disabled"
{effort}
[analytics]
enabled = false

[features]
apps = false
plugins = false
goals = false
image_generation = false
unbounded_connection_retries = false

[agents]
enabled = false

[shell_environment_policy]
exclude = {hidden}

[model_providers.bellhop]
name = "Bellhop"
base_url = {base_url}
env_key = "OPENAI_API_KEY"
wire_api = "responses"
request_max_retries = 2
stream_max_retries = 2

[mcp_servers.{tools}]
url = {tools_url}
required = true
startup_timeout_sec = 60
tool_timeout_sec = {tools_seconds}
"""


class CodexOptions(CliOptions):
    """How hard the model thinks."""

    reasoning_effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class Codex:
    """Adapter of the agent `codex`."""

    name = "codex"

    def check(self, choice: AgentChoice) -> None:
        """Raise ProfileError when `with:` has keys that codex does not take, or `model:` is none of OpenAI's."""
        read_options(CodexOptions, choice)
        vendor_and_model(choice, VENDORS)
        model_patterns(choice)

    def parts(self, choice: AgentChoice) -> tuple[str, ...]:
        """Return where the program is."""
        del choice
        return ("codex",)

    def assignment(self, run_id: str, profile: Profile, prompt: str, base_commit: str, *, continues: bool = False) -> Assignment:
        """Return codex's command line and configuration. Raises ProfileError."""
        self.check(profile.agent)
        first, again = (programs.CODEX, "exec", *FLAGS), (programs.CODEX, "exec", "resume", "--last", *FLAGS)
        return Assignment(
            argv=again if continues else first,
            env={"OPENAI_API_KEY": NO_KEY_INSIDE, ROOTS: layout.CA_BUNDLE, **profile.env},
            files={CONFIG_NAME: _config(profile)},
            stdin=prompt,
            next_argv=again,
            interrupt_signal="INT",
            models=model_patterns(profile.agent),
            **run_members(run_id, profile, base_commit),
        )

    def parse(self, stream: str, line: str) -> list[Step]:
        """Return the Steps of one event of `codex exec --json`; anything else is a log Step."""
        return steps_of(stream, line, _steps, lambda event: event.get("type") == "turn.started")

    def succeeded(self, end: SandboxEnd, steps: list[Step]) -> bool:
        """Return whether codex ended with 0 after its last turn was completed."""
        return ended_well(end, steps)

    def final_message(self, steps: list[Step]) -> str:
        """Return what the model said last, or why its turn failed."""
        return last_word(steps)


def _config(profile: Profile) -> str:
    choice = profile.agent
    effort = read_options(CodexOptions, choice).reasoning_effort
    # A TOML basic string is JSON's, for what has no control characters: a model's name has none.
    return CONFIG.format(
        model=json.dumps(vendor_and_model(choice, VENDORS)[1]), base_url=json.dumps(f"{LOOPBACK_URL}/openai/v1"),
        effort=f'model_reasoning_effort = "{effort}"\n' if effort else "", tools=TOOLS_NAME, tools_url=json.dumps(TOOLS_URL),
        tools_seconds=TOOLS_SECONDS, hidden=json.dumps([] if ROOTS in profile.env else [ROOTS]),
    )


def _steps(event: dict[str, Any]) -> list[Step] | None:
    kind, item = event.get("type"), event.get("item")
    if kind in ("item.started", "item.completed") and isinstance(item, dict):
        return _item(item, is_done=kind == "item.completed")
    if kind == "item.updated" and isinstance(item, dict):
        return _plan(item, False) if item.get("type") == "todo_list" else None
    if kind == "turn.completed":
        return [_ended(usage(event.get("usage"), USAGE))]
    if kind == "turn.failed":
        return [step("error", _message(event.get("error")), "failed")]
    # Also what is only tried again: not an end.
    return [step("error", _message(event))] if kind == "error" else None


def _ended(said: Step) -> Step:
    return said.model_copy(update={"data": said.data | {"turn": "completed"}})


def _item(item: dict[str, Any], *, is_done: bool) -> list[Step] | None:
    read = _ITEMS.get(str(item.get("type")))
    return read(item, is_done) if read is not None else None


def _command(item: dict[str, Any], is_done: bool) -> list[Step]:
    number = item.get("id")
    if not is_done:
        return [step("tool_call", item.get("command"), id=number, tool="shell")]
    return [step("tool_result", item.get("aggregated_output"), id=number, exit_code=item.get("exit_code"), status=item.get("status"))]


def _tool(item: dict[str, Any], is_done: bool) -> list[Step]:
    number, tool, arguments = item.get("id"), item.get("tool"), item.get("arguments")
    if not is_done:
        return [step("tool_call", call_words(tool, arguments), id=number, tool=tool, arguments=arguments)]
    said = _message(item.get("error")) if item.get("error") else _content(item.get("result"))
    return [step("tool_result", said, id=number, status=item.get("status"))]


def _file_change(item: dict[str, Any], is_done: bool) -> list[Step] | None:
    changes = item.get("changes")
    return [step("file_change", _changes(changes), id=item.get("id"), changes=changes, status=item.get("status"))] if is_done else None


def _said(kind: StepKind, member: str) -> Callable[[dict[str, Any], bool], list[Step] | None]:
    return lambda item, is_done: [step(kind, item.get(member))] if is_done else None


def _plan(item: dict[str, Any], _is_done: bool) -> list[Step]:
    return [step("plan", checklist(item.get("items"), "text", lambda each: each.get("completed") is True))]


def _changes(changes: object) -> str:
    known = [each for each in changes if isinstance(each, dict)] if isinstance(changes, list) else []
    return "\n".join(f"{each.get('kind')} {each.get('path')}" for each in known)


def _content(result: object) -> object:
    parts = result.get("content") if isinstance(result, dict) else None
    said = [str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part] if isinstance(parts, list) else []
    return "\n".join(said) or result


def _message(error: object) -> object:
    return error.get("message") if isinstance(error, dict) else error


_ITEMS: dict[str, Callable[[dict[str, Any], bool], list[Step] | None]] = {
    "agent_message": _said("message", "text"),
    "reasoning": _said("reasoning", "text"),
    "command_execution": _command,
    "mcp_tool_call": _tool,
    "file_change": _file_change,
    "todo_list": _plan,
    # Told on the way, such as of a model whose limits it does not know: nothing that anybody failed by.
    "error": _said("log", "message"),
}
