"""Anthropic Messages: https://docs.anthropic.com/en/api/messages. Pure: messages in, request out; body in, Answer out."""

from __future__ import annotations

from typing import Any

from .answer import TOOL_DESCRIPTION, TOOL_NAME, TOOL_PARAMETERS, Answer, Message, UnreadableAnswer, call_from, counts

PATH = "/v1/messages"
HEADERS = {"anthropic-version": "2023-06-01"}
TOOL = {"name": TOOL_NAME, "description": TOOL_DESCRIPTION, "input_schema": TOOL_PARAMETERS}
# A mark that the prompt up to here is worth keeping: https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching
CACHE_HERE = {"cache_control": {"type": "ephemeral"}}
USAGE = {
    "input_tokens": "input_tokens", "output_tokens": "output_tokens", "cache_read_tokens": "cache_read_input_tokens",
    "cache_write_tokens": "cache_creation_input_tokens",
}


def request(messages: list[Message], model: str, max_output_tokens: int) -> dict[str, Any]:
    """Return the body of a request for the next answer."""
    turns: list[dict[str, Any]] = []
    system: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] == "system":
            system.append({"type": "text", "text": message["content"]})
        elif message["role"] == "assistant":
            if message["wire"]:
                turns.append({"role": "assistant", "content": message["wire"]})
        elif turns and turns[-1]["role"] == "user":
            # The results of one answer's tool calls, and words after them, are one turn.
            turns[-1]["content"].append(_block(message))
        else:
            turns.append({"role": "user", "content": [_block(message)]})
    turns[-1]["content"][-1] |= CACHE_HERE
    return {"model": model, "max_tokens": max_output_tokens, "system": system, "tools": [TOOL], "messages": turns}


def _block(message: Message) -> dict[str, Any]:
    if message["role"] == "tool":
        return {"type": "tool_result", "tool_use_id": message["call_id"], "content": message["content"]}
    return {"type": "text", "text": message["content"]}


def answer(body: dict[str, Any]) -> Answer:
    """Read a response. Raises UnreadableAnswer."""
    blocks = body.get("content")
    if body.get("role") != "assistant" or not isinstance(blocks, list):
        raise UnreadableAnswer("it holds no assistant message")
    try:
        wire = [sent_back(block) for block in blocks if block["type"] != "text" or block["text"].strip()]
        calls = tuple(call_from(block["id"], block["name"], block["input"]) for block in blocks if block["type"] == "tool_use")
        text = "\n".join(block["text"] for block in blocks if block["type"] == "text").strip()
    except (KeyError, TypeError, AttributeError) as error:
        raise UnreadableAnswer(f"a content block is incomplete ({error})") from error
    return Answer(text, calls, wire, counts(body.get("usage"), USAGE), cut_off=body.get("stop_reason") == "max_tokens")


def sent_back(block: dict[str, Any]) -> dict[str, Any]:
    """Return a content block as a later request must hold it; what we do not know goes back unchanged (thinking is signed)."""
    kept = {"text": ("type", "text"), "tool_use": ("type", "id", "name", "input")}.get(block["type"])
    return {name: block[name] for name in kept} if kept else block
