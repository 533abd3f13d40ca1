"""The agent `gemini-cli`: Google's Gemini CLI, headless, on the Gemini API.

    agent:
      uses: gemini-cli
      model: gemini/gemini-2.5-pro

https://github.com/google-gemini/gemini-cli/blob/main/docs/cli/headless.md,
https://github.com/google-gemini/gemini-cli/blob/main/docs/reference/configuration.md
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
from app.execute.agents.events import call_words, ended_well, last_word, step, steps_of, usage
from app.execute.agents.options import model_patterns, read_options, run_members, vendor_and_model
from app.execute.tooling import layout

VENDORS = ("gemini",)
CONFIG_NAME = ".gemini/settings.json"
USAGE = {"input_tokens": "input_tokens", "cached_input_tokens": "cached", "output_tokens": "output_tokens"}
# The first is done by Google, the second by Google or over a network that is not there.
NOT_OFFERED = ["google_web_search", "web_fetch"]


RESUME_NAME = ".bellhop/gemini_resume.py"
# What the CLI keeps of a session holds each tool's result twice, in the call and as the user's own message; a session that goes on
# sends both, which Google refuses. So the second ones are taken out, in the sandbox, before it reads them.
RESUME = """\
import json, os, pathlib, sys

def told_before(message):
    content = message.get("content") if isinstance(message, dict) and message.get("type") == "user" else None
    return bool(content) and isinstance(content, list) and all(isinstance(part, dict) and "functionResponse" in part for part in content)

def kept(line):
    entry = json.loads(line)
    if told_before(entry):
        return ""
    messages = entry.get("$set", {}).get("messages")
    if isinstance(messages, list):
        entry["$set"]["messages"] = [message for message in messages if not told_before(message)]
        return json.dumps(entry) + "\\n"
    return line

for session in pathlib.Path.home().glob(".gemini/tmp/*/chats/session-*.jsonl"):
    try:
        lines = session.read_text(encoding="utf-8").splitlines(keepends=True)
        session.write_text("".join(map(kept, lines)), encoding="utf-8")
    except (OSError, ValueError, AttributeError) as error:
        sys.stderr.write(f"{session}: {error}\\n")
os.execv(sys.argv[1], sys.argv[1:])
"""


class GeminiOptions(Noun):
    """There are none."""


class GeminiCli:
    """Adapter of the agent `gemini-cli`."""

    name = "gemini-cli"

    def check(self, choice: AgentChoice) -> None:
        """Raise ProfileError when `with:` is not empty, or `model:` is none of Gemini's."""
        read_options(GeminiOptions, choice)
        vendor_and_model(choice, VENDORS)
        model_patterns(choice)

    def parts(self, choice: AgentChoice) -> tuple[str, ...]:
        """Return where the program is, and what it runs on."""
        del choice
        return ("node", "gemini-cli")

    def assignment(self, run_id: str, profile: Profile, prompt: str, base_commit: str, *, continues: bool = False) -> Assignment:
        """Return Gemini CLI's command line, environment and settings. Raises ProfileError."""
        self.check(profile.agent)
        first = (
            programs.GEMINI, "--model", vendor_and_model(profile.agent, VENDORS)[1], "--yolo", "--skip-trust", "--output-format", "stream-json",
        )
        again = (layout.PYTHON, "-I", f"{programs.HOME}/{RESUME_NAME}", *first, "--resume", "latest")
        env = {
            "GEMINI_API_KEY": NO_KEY_INSIDE,
            "GOOGLE_GEMINI_BASE_URL": f"{LOOPBACK_URL}/gemini",
            # The process that it starts itself again as hears no signal.
            "GEMINI_CLI_NO_RELAUNCH": "true",
        }
        return Assignment(
            argv=again if continues else first,
            env={**env, **profile.env},
            files={CONFIG_NAME: json.dumps(_config(), indent=1) + "\n", RESUME_NAME: RESUME},
            stdin=prompt,
            next_argv=again,
            interrupt_signal="TERM",
            models=model_patterns(profile.agent),
            **run_members(run_id, profile, base_commit),
        )

    def parse(self, stream: str, line: str) -> list[Step]:
        """Return the Steps of one event of `--output-format stream-json`; anything else is a log Step."""
        return steps_of(stream, line, _steps, lambda event: event.get("type") == "init")

    def succeeded(self, end: SandboxEnd, steps: list[Step]) -> bool:
        """Return whether Gemini CLI ended with 0 and its last result is a success."""
        return ended_well(end, steps)

    def final_message(self, steps: list[Step]) -> str:
        """Return what the model said last, or the error."""
        return last_word(steps)


def _config() -> dict[str, Any]:
    return {
        # Without it a base URL makes it choose a way to sign in that it then refuses.
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "general": {
            "enableAutoUpdate": False, "enableAutoUpdateNotification": False, "maxAttempts": 3,
        },
        "tools": {"exclude": NOT_OFFERED},
        "mcpServers": {TOOLS_NAME: {"httpUrl": TOOLS_URL, "timeout": TOOLS_SECONDS * 1000, "trust": True}},
    }


def _steps(event: dict[str, Any]) -> list[Step] | None:
    kind = event.get("type")
    if kind == "message":
        # What was asked comes back as the user's own; an answer comes in pieces.
        piece = True if event.get("delta") is True else None
        return [step("message", event.get("content"), piece=piece)] if event.get("role") == "assistant" else None
    if kind == "tool_use":
        name, arguments = event.get("tool_name"), event.get("parameters")
        return [step("tool_call", call_words(name, arguments), id=event.get("tool_id"), tool=name, arguments=arguments)]
    if kind == "tool_result":
        error = event.get("error")
        failed = True if event.get("status") == "error" else None
        said = error.get("message") if failed and isinstance(error, dict) and not event.get("output") else event.get("output")
        return [step("tool_result", said, id=event.get("tool_id"), failed=failed)]
    if kind == "error":
        return [step("error", event.get("message"))]
    return _result(event) if kind == "result" else None


def _result(event: dict[str, Any]) -> list[Step]:
    used = usage(event.get("stats"), USAGE)
    if event.get("status") == "success":
        return [used.model_copy(update={"data": used.data | {"turn": "completed"}})]
    error = event.get("error")
    return [used, step("error", error.get("message") if isinstance(error, dict) else event.get("status"), "failed")]
