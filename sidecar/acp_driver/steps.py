"""From the protocol's session updates to Steps (app/core/step.py), one JSON line each; pure but for `emit`.

https://agentclientprotocol.com/protocol/prompt-turn
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

TEXT_CHARACTERS = 6000
ARGUMENT_CHARACTERS = 4000
# What is said comes in pieces of a few characters.
_PIECES = {"agent_message_chunk": "message", "agent_thought_chunk": "reasoning"}

Said = dict[str, Any]


class Narrator:
    """Puts pieces of text together, and the rest into words; holds what the agent said last."""

    def __init__(self) -> None:
        self._kind = ""
        self._pieces: list[str] = []
        self._calls: dict[str, str] = {}
        self.last_message = ""

    def hear(self, update: Mapping[str, Any]) -> Iterator[Said]:
        """Yield the Steps that an update completes."""
        what = str(update.get("sessionUpdate", ""))
        kind = _PIECES.get(what)
        if kind is not None:
            if kind != self._kind:
                yield from self.pause()
            self._kind = kind
            self._pieces.append(_text(update.get("content")))
            return
        told = list(self._told(what, update))
        if told:
            yield from self.pause()
        yield from told

    def pause(self) -> Iterator[Said]:
        """Yield what has been said in pieces so far."""
        text = "".join(self._pieces).strip()
        self._pieces.clear()
        if text:
            if self._kind == "message":
                self.last_message = text
            yield step(self._kind, text)

    def _told(self, what: str, update: Mapping[str, Any]) -> Iterator[Said]:
        if what in ("tool_call", "tool_call_update"):
            yield from self._tool(update)
        elif what == "plan":
            entries = [entry for entry in update.get("entries") or [] if isinstance(entry, dict)]
            yield step("plan", "\n".join(f"[{entry.get('status', '')}] {entry.get('content', '')}" for entry in entries))
        elif what == "usage_update":
            yield step("usage", f"context: {update.get('used')} of {update.get('size')} tokens")

    def _tool(self, update: Mapping[str, Any]) -> Iterator[Said]:
        name = str(update.get("toolCallId", ""))
        title, arguments = str(update.get("title") or ""), update.get("rawInput")
        is_over = update.get("status") in ("completed", "failed")
        # Some agents tell the arguments only after the call; one without any is told when it is over.
        if name not in self._calls and (arguments or is_over):
            self._calls[name] = title
            shown = cut(json.dumps(arguments, ensure_ascii=False), ARGUMENT_CHARACTERS) if arguments else ""
            yield step("tool_call", _command(arguments) or title or name, id=name, tool=str(update.get("kind") or ""), arguments=shown)
        if is_over:
            for block in update.get("content") or []:
                if isinstance(block, dict) and block.get("type") == "diff":
                    yield step("file_change", str(block.get("path", "")), id=name)
            yield step("tool_result", _result(update), id=name, failed=update.get("status") == "failed")


def step(kind: str, text: str = "", **data: Any) -> Said:
    """Return one Step."""
    return {"kind": kind, "text": cut(text, TEXT_CHARACTERS), "data": data}


def emit(said: Said) -> None:
    """Print one Step."""
    sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def cut(text: str, characters: int) -> str:
    """Return the beginning and the end of a longer text, with a mark between."""
    if len(text) <= characters:
        return text
    half = characters // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters left out ...]\n{text[-half:]}"


def _command(arguments: object) -> str:
    command = arguments.get("command") if isinstance(arguments, dict) else None
    return " ".join(map(str, command)) if isinstance(command, list) else str(command or "")


def _result(update: Mapping[str, Any]) -> str:
    blocks = [block for block in update.get("content") or [] if isinstance(block, dict)]
    said = "\n".join(filter(None, (_text(block.get("content")) for block in blocks if block.get("type") == "content")))
    raw = update.get("rawOutput")
    if said or raw is None:
        return said
    return raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False)


def _text(block: object) -> str:
    return str(block.get("text") or "") if isinstance(block, dict) else ""
