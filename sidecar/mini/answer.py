"""What a model said, the same for every vendor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TOOL_NAME = "bash"
TOOL_DESCRIPTION = "Run a command in a new shell in the repository's directory and return its exit code and output."
TOOL_PARAMETERS = {
    "type": "object",
    "properties": {"command": {"type": "string", "description": "Shell text, run by bash -c"}},
    "required": ["command"],
}

Message = dict[str, Any]


class UnreadableAnswer(Exception):
    """The model API answered with success, but not in its own format."""


@dataclass(frozen=True)
class Call:
    """One tool call; `command` is None when it is none of ours, and `error` says why."""

    id: str
    command: str | None
    error: str = ""


@dataclass(frozen=True)
class Answer:
    """`wire` is the assistant's message as the vendor must get it back; `cut_off` that the output limit was met."""

    text: str
    calls: tuple[Call, ...]
    wire: Any
    usage: dict[str, int]
    cut_off: bool


def call_from(call_id: str, name: str, arguments: object) -> Call:
    """Return a tool call, checked."""
    if name != TOOL_NAME:
        return Call(call_id, None, f"there is no tool `{name}`: the only tool is `{TOOL_NAME}`")
    command = arguments.get("command") if isinstance(arguments, dict) else None
    if not isinstance(command, str) or not command.strip():
        return Call(call_id, None, "the argument `command` is missing or no text")
    if "\0" in command:
        return Call(call_id, None, "the command holds a NUL character")
    return Call(call_id, command)


def counts(usage: object, names: dict[str, str]) -> dict[str, int]:
    """Return our name -> count for what the vendor's usage holds."""
    found = usage if isinstance(usage, dict) else {}
    return {ours: found[theirs] for ours, theirs in names.items() if isinstance(found.get(theirs), int)}
