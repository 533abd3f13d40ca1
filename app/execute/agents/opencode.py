"""The agent `opencode`: OpenCode, headless, on Anthropic's Messages or OpenAI's Responses API.

    agent:
      uses: opencode
      model: anthropic/claude-sonnet-4-5          # or openai/<model>

https://opencode.ai/docs/config/, https://opencode.ai/docs/cli/#run-1, https://opencode.ai/docs/providers/
"""

from __future__ import annotations

import json
from typing import Any

from app.core.assignment import LOOPBACK_URL, Assignment, SandboxEnd
from app.core.noun import Noun
from app.core.profile import AgentChoice, Profile
from app.core.step import Step
from app.execute.agents import programs
from app.execute.agents.cli import NO_KEY_INSIDE, TOOLS_NAME, TOOLS_SECONDS, TOOLS_URL
from app.execute.agents.events import call_words, checklist, ended_well, last_word, step, steps_of, usage
from app.execute.agents.options import model_patterns, read_options, run_members, vendor_and_model

VENDORS = ("anthropic", "openai")
CONFIG_NAME = ".config/opencode/opencode.json"
USAGE = {"input_tokens": "input", "output_tokens": "output"}
# It reads these before its configuration; each is a way out that it would try, and wait for.
SWITCHES = {f"OPENCODE_DISABLE_{name}": "1" for name in ("AUTOUPDATE", "DEFAULT_PLUGINS", "LSP_DOWNLOAD", "MODELS_FETCH", "SHARE")}


class OpenCodeOptions(Noun):
    """There are none."""


class OpenCode:
    """Adapter of the agent `opencode`."""

    name = "opencode"

    def check(self, choice: AgentChoice) -> None:
        """Raise ProfileError when `with:` is not empty, or `model:` is neither Anthropic's nor OpenAI's."""
        read_options(OpenCodeOptions, choice)
        vendor_and_model(choice, VENDORS)
        model_patterns(choice)

    def parts(self, choice: AgentChoice) -> tuple[str, ...]:
        """Return where the program is."""
        del choice
        return ("opencode",)

    def assignment(self, run_id: str, profile: Profile, prompt: str, base_commit: str, *, continues: bool = False) -> Assignment:
        """Return OpenCode's command line and configuration. Raises ProfileError."""
        self.check(profile.agent)
        # A title for the session is a request of its own; `--title` spares it.
        first = (programs.OPENCODE, "run", "--format", "json", "--thinking", "--title", "Bellhop")
        again = (programs.OPENCODE, "run", "--format", "json", "--thinking", "--continue")
        return Assignment(
            argv=again if continues else first,
            env={**SWITCHES, **profile.env},
            files={CONFIG_NAME: json.dumps(_config(profile.agent), indent=1) + "\n"},
            stdin=prompt,
            next_argv=again,
            interrupt_signal="TERM",
            models=model_patterns(profile.agent),
            **run_members(run_id, profile, base_commit),
        )

    def parse(self, stream: str, line: str) -> list[Step]:
        """Return the Steps of one event of `opencode run --format json`; anything else is a log Step."""
        return steps_of(stream, line, _steps, lambda event: event.get("type") == "step_start")

    def succeeded(self, end: SandboxEnd, steps: list[Step]) -> bool:
        """Return whether OpenCode ended with 0 and the model's last answer was its last: there is no event that says so."""
        return ended_well(end, steps)

    def final_message(self, steps: list[Step]) -> str:
        """Return what the model said last, or the error."""
        return last_word(steps)


def _config(choice: AgentChoice) -> dict[str, Any]:
    vendor, model = vendor_and_model(choice, VENDORS)
    options = {"baseURL": f"{LOOPBACK_URL}/{vendor}/v1", "apiKey": NO_KEY_INSIDE}
    return {
        "$schema": "https://opencode.ai/config.json",
        "autoupdate": False,
        "share": "disabled",
        # Nobody is there to be asked. What these two fetch, they would fetch past the door.
        "permission": {"*": "allow", "webfetch": "deny", "websearch": "deny"},
        "model": f"{vendor}/{model}",
        "small_model": f"{vendor}/{model}",
        "enabled_providers": [vendor],
        "provider": {vendor: {"options": options, "models": {model: {}}}},
        "mcp": {TOOLS_NAME: {"type": "remote", "url": TOOLS_URL, "oauth": False, "timeout": TOOLS_SECONDS * 1000}},
    }


def _steps(event: dict[str, Any]) -> list[Step] | None:
    kind, found = event.get("type"), event.get("part")
    part = found if isinstance(found, dict) else {}
    if kind in ("text", "reasoning"):
        return [step("message" if kind == "text" else "reasoning", part.get("text"))]
    if kind == "tool_use":
        return _tool(part)
    if kind == "step_finish":
        used = usage(part.get("tokens"), USAGE)
        # A step that ends with calls of tools is followed by another.
        turn = {"turn": "completed"} if part.get("reason") == "stop" else {}
        return [used.model_copy(update={"data": used.data | turn})]
    return [step("error", _why(event.get("error")), "failed")] if kind == "error" else None


def _tool(part: dict[str, Any]) -> list[Step]:
    state = part.get("state")
    known = state if isinstance(state, dict) else {}
    name, arguments, number = part.get("tool"), known.get("input"), part.get("callID")
    if name == "todowrite" and isinstance(arguments, dict):
        return [step("plan", checklist(arguments.get("todos"), "content", lambda each: each.get("status") == "completed"), id=number)]
    metadata = known.get("metadata")
    failed = True if known.get("status") == "error" else None
    return [
        step("tool_call", call_words(name, arguments), id=number, tool=name, arguments=arguments),
        step("tool_result", known.get("error") if failed else known.get("output"), id=number, failed=failed,
             exit_code=metadata.get("exit") if isinstance(metadata, dict) else None),
    ]


def _why(error: object) -> object:
    data = error.get("data") if isinstance(error, dict) else None
    return data.get("message") if isinstance(data, dict) and data.get("message") else error
