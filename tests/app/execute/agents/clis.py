"""The agent CLIs as a scripted model sees them: what each calls its tools, and how it is asked to use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from app.core.profile import Profile

Call = dict[str, Any]


class Cli(NamedTuple):
    """One adapter with one vendor's model: `name` of the adapter, `model`, and what the model's tools are called."""

    id: str
    name: str
    model: str
    shell: Callable[[str], Call]
    write: Callable[[str, str], Call]
    update: str | None
    goes_on: bool = True

    def profile(self, minutes: float = 2) -> Profile:
        """Return a profile with this agent; two minutes are enough for everything here."""
        agent = {"uses": self.name, "model": self.model}
        return Profile.model_validate({"name": "p", "on": {"issues": {}}, "agent": agent, "timeout-minutes": minutes})

    def post_update(self, words: str) -> list[Call]:
        """Return a call of Bellhop's own tool, where the agent has it."""
        return [{"name": self.update, "arguments": {"text": words}}] if self.update else []

    def last(self, words: str) -> dict[str, Any]:
        """Return the turn that ends the work."""
        if self.name != "mini":
            return {"text": words}
        return {"text": "I am done.", "tools": [self.shell(f"printf 'COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT\\n{words}\\n'")]}


def named(name: str, **arguments: Any) -> Call:
    """Return one tool call of the script."""
    return {"name": name, "arguments": arguments}


def patch(path: str, text: str) -> str:
    """Return a file to add, in the patch format that OpenAI's models write."""
    lines = "".join(f"+{line}\n" for line in text.splitlines())
    return f"*** Begin Patch\n*** Add File: {path}\n{lines}*** End Patch\n"


CLIS = (
    Cli(
        "mini", "mini", "anthropic/claude-sonnet-4-5", lambda command: named("bash", command=command),
        lambda path, text: named("bash", command=f"printf '{text}' > {path}"), None, goes_on=False,
    ),
    Cli(
        "codex", "codex", "openai/gpt-5-codex", lambda command: named("exec_command", cmd=command),
        lambda path, text: named("exec_command", cmd=f"apply_patch <<'EOF'\n{patch(path, text)}EOF"), "post_update",
    ),
    Cli(
        "claude-code", "claude-code", "anthropic/claude-sonnet-4-5",
        lambda command: named("Bash", command=command, description="Run it"),
        lambda path, text: named("Write", file_path=f"/workspace/{path}", content=text), "mcp__bellhop__post_update",
    ),
    Cli(
        "opencode-anthropic", "opencode", "anthropic/claude-sonnet-4-5",
        lambda command: named("bash", command=command, description="Run it"),
        lambda path, text: named("write", filePath=f"/workspace/{path}", content=text), "bellhop_post_update",
    ),
    Cli(
        "opencode-openai", "opencode", "openai/gpt-5", lambda command: named("bash", command=command, description="Run it"),
        lambda path, text: named("apply_patch", patchText=patch(path, text)), "bellhop_post_update",
    ),
    Cli(
        "gemini-cli", "gemini-cli", "gemini/gemini-2.5-pro", lambda command: named("run_shell_command", command=command),
        lambda path, text: named("write_file", file_path=f"/workspace/{path}", content=text), "mcp_bellhop_post_update",
    ),
)
