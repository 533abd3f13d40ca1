"""The agent `claude-code`: Anthropic's Claude Code, headless, on the Messages API.

    agent:
      uses: claude-code
      model: anthropic/claude-sonnet-4-5
      with:
        max-turns: 200                            # of the model, in one turn of the conversation; none otherwise

https://code.claude.com/docs/en/headless, https://code.claude.com/docs/en/settings#environment-variables
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import Field

from app.core.assignment import LOOPBACK_URL, Assignment, SandboxEnd
from app.core.profile import AgentChoice, Profile
from app.core.step import Step
from app.execute.agents import programs
from app.execute.agents.cli import NO_KEY_INSIDE, TOOLS_NAME, TOOLS_SECONDS, TOOLS_URL
from app.execute.agents.events import (
    STEPS_PER_LINE,
    call_words,
    checklist,
    ended_well,
    last_word,
    step,
    steps_of,
    usage,
)
from app.execute.agents.options import CliOptions, model_patterns, read_options, run_members, vendor_and_model

VENDORS = ("anthropic",)
TOOLS_NAME_FILE = ".claude/bellhop-tools.json"
USAGE = {
    "input_tokens": "input_tokens", "cached_input_tokens": "cache_read_input_tokens",
    "cache_written_tokens": "cache_creation_input_tokens", "output_tokens": "output_tokens",
}
# What would be done at Anthropic, or needs a way to it; what waits for a later hour; what takes the work to another checkout.
NOT_OFFERED = "WebSearch,WebFetch,CronCreate,CronDelete,CronList,ScheduleWakeup,EnterWorktree,ExitWorktree"


class ClaudeOptions(CliOptions):
    """How often the model may be asked for one turn of the conversation."""

    max_turns: Annotated[int, Field(ge=1, le=10_000)] | None = None


class ClaudeCode:
    """Adapter of the agent `claude-code`."""

    name = "claude-code"

    def check(self, choice: AgentChoice) -> None:
        """Raise ProfileError when `with:` has keys that Claude Code does not take, or `model:` is none of Anthropic's."""
        read_options(ClaudeOptions, choice)
        vendor_and_model(choice, VENDORS)
        model_patterns(choice)

    def parts(self, choice: AgentChoice) -> tuple[str, ...]:
        """Return where the program is."""
        del choice
        return ("claude-code",)

    def assignment(self, run_id: str, profile: Profile, prompt: str, base_commit: str, *, continues: bool = False) -> Assignment:
        """Return Claude Code's command line, environment and list of tools. Raises ProfileError."""
        self.check(profile.agent)
        first = _command(profile.agent)
        again = (*first, "--continue")
        tools = {"mcpServers": {TOOLS_NAME: {"type": "http", "url": TOOLS_URL}}}
        return Assignment(
            argv=again if continues else first,
            env={**_environment(profile.agent), **profile.env},
            files={TOOLS_NAME_FILE: json.dumps(tools, indent=1) + "\n"},
            stdin=prompt,
            next_argv=again,
            interrupt_signal="INT",
            models=model_patterns(profile.agent),
            **run_members(run_id, profile, base_commit),
        )

    def parse(self, stream: str, line: str) -> list[Step]:
        """Return the Steps of one event of `--output-format stream-json`; anything else is a log Step."""
        return steps_of(stream, line, _steps, lambda event: (event.get("type"), event.get("subtype")) == ("system", "init"))

    def succeeded(self, end: SandboxEnd, steps: list[Step]) -> bool:
        """Return whether Claude Code ended with 0 and its last result is none of an error."""
        return ended_well(end, steps)

    def final_message(self, steps: list[Step]) -> str:
        """Return the last result, or why there was none."""
        return last_word(steps)


def _command(choice: AgentChoice) -> tuple[str, ...]:
    options = read_options(ClaudeOptions, choice)
    limit = ("--max-turns", str(options.max_turns)) if options.max_turns is not None else ()
    return (
        programs.CLAUDE, "--print", "--output-format", "stream-json", "--verbose", "--dangerously-skip-permissions",
        "--model", vendor_and_model(choice, VENDORS)[1], "--disallowed-tools", NOT_OFFERED,
        "--mcp-config", f"{programs.HOME}/{TOOLS_NAME_FILE}", "--strict-mcp-config", *limit,
    )


def _environment(choice: AgentChoice) -> dict[str, str]:
    model = vendor_and_model(choice, VENDORS)[1]
    return {
        "ANTHROPIC_BASE_URL": f"{LOOPBACK_URL}/anthropic",
        "ANTHROPIC_API_KEY": NO_KEY_INSIDE,
        # For small things it would ask another model, which the door does not let this run ask.
        **{f"ANTHROPIC_{name}_MODEL": model for name in ("DEFAULT_HAIKU", "DEFAULT_SONNET", "DEFAULT_OPUS", "SMALL_FAST")},
        "CLAUDE_CODE_SUBAGENT_MODEL": model,
        # It refuses to go without asking as root, unless it is told that somebody else has sealed it.
        "IS_SANDBOX": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "CLAUDE_CODE_MAX_RETRIES": "2",
        # Bellhop's tools are few: they are shown to the model as they are, without a search for them.
        "ENABLE_TOOL_SEARCH": "false",
        "MCP_TOOL_TIMEOUT": str(TOOLS_SECONDS * 1000),
    }


def _steps(event: dict[str, Any]) -> list[Step] | None:
    kind = event.get("type")
    if kind == "result":
        return _result(event)
    message = event.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if kind not in ("assistant", "user") or not isinstance(content, list):
        return None
    blocks = [block for block in content[:STEPS_PER_LINE] if isinstance(block, dict)]
    found = [each for block in blocks if (each := _block(block, event)) is not None]
    return found or None


def _result(event: dict[str, Any]) -> list[Step]:
    used = usage(event.get("usage"), USAGE)
    # An API that fails has subtype `success`, too: `is_error` tells.
    if event.get("is_error") is False and event.get("subtype") == "success":
        return [used.model_copy(update={"data": used.data | {"turn": "completed"}})]
    errors = event.get("errors")
    told = [each for each in errors if isinstance(each, str) and not each.startswith("[ede_diagnostic]")] if isinstance(errors, list) else []
    why = event.get("result") or "\n".join(told) or event.get("terminal_reason") or event.get("subtype")
    return [used, step("error", why, "failed", subtype=event.get("subtype"), status=event.get("api_error_status"))]


def _block(block: dict[str, Any], event: dict[str, Any]) -> Step | None:
    kind = block.get("type")
    if kind == "tool_result" and event.get("type") == "user":
        failed = True if block.get("is_error") is True else None
        return step("tool_result", _text(block.get("content")), id=block.get("tool_use_id"), failed=failed)
    if event.get("type") != "assistant":
        return None
    if kind == "tool_use":
        return _call(block)
    if kind == "thinking":
        return step("reasoning", block.get("thinking"))
    return step("message", block.get("text")) if kind == "text" else None


def _call(block: dict[str, Any]) -> Step:
    name, arguments = block.get("name"), block.get("input")
    if name == "TodoWrite" and isinstance(arguments, dict):
        return step("plan", checklist(arguments.get("todos"), "content", lambda each: each.get("status") == "completed"), id=block.get("id"))
    return step("tool_call", call_words(name, arguments), id=block.get("id"), tool=name, arguments=arguments)


def _text(content: object) -> object:
    if not isinstance(content, list):
        return content
    return "\n".join(str(part["text"]) for part in content if isinstance(part, dict) and "text" in part) or content
