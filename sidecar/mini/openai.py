"""OpenAI Chat Completions: https://platform.openai.com/docs/api-reference/chat. Pure, as `anthropic` is."""

from __future__ import annotations

import json
from typing import Any

from .answer import TOOL_DESCRIPTION, TOOL_NAME, TOOL_PARAMETERS, Answer, Message, UnreadableAnswer, call_from, counts

PATH = "/v1/chat/completions"
HEADERS: dict[str, str] = {}
TOOL = {"type": "function", "function": {"name": TOOL_NAME, "description": TOOL_DESCRIPTION, "parameters": TOOL_PARAMETERS}}
USAGE = {"input_tokens": "prompt_tokens", "output_tokens": "completion_tokens"}


def request(messages: list[Message], model: str, max_output_tokens: int) -> dict[str, Any]:
    """Return the body of a request for the next answer."""
    turns = [_turn(message) for message in messages if message["role"] != "assistant" or message["wire"]]
    return {"model": model, "max_completion_tokens": max_output_tokens, "messages": turns, "tools": [TOOL]}


def _turn(message: Message) -> dict[str, Any]:
    if message["role"] == "assistant":
        wire: dict[str, Any] = message["wire"]
        return wire
    if message["role"] == "tool":
        return {"role": "tool", "tool_call_id": message["call_id"], "content": message["content"]}
    return {"role": message["role"], "content": message["content"]}


def answer(body: dict[str, Any]) -> Answer:
    """Read a response. Raises UnreadableAnswer."""
    try:
        choice = body["choices"][0]
        said = choice["message"]
        text = (said.get("content") or said.get("refusal") or "").strip()
        tool_calls = [
            {"id": each["id"], "type": "function", "function": {name: each["function"][name] for name in ("name", "arguments")}}
            for each in said.get("tool_calls") or []
        ]
        calls = tuple(
            call_from(each["id"], each["function"]["name"], _arguments(each["function"]["arguments"])) for each in tool_calls
        )
        cut_off = choice.get("finish_reason") == "length"
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise UnreadableAnswer(f"it holds no assistant message ({type(error).__name__}: {error})") from error
    wire: dict[str, Any] = {"role": "assistant", "content": text or None} if text or tool_calls else {}
    if tool_calls:
        wire["tool_calls"] = tool_calls
    usage = body.get("usage")
    details = usage.get("prompt_tokens_details") if isinstance(usage, dict) else None
    tokens = counts(usage, USAGE) | counts(details, {"cache_read_tokens": "cached_tokens"})
    return Answer(text, calls, wire, tokens, cut_off)


def _arguments(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None
