"""Anthropic Messages. https://platform.claude.com/docs/en/build-with-claude/streaming"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from app.emulators.model.reply import Reply, argument_pieces, text_pieces


def document(reply: Reply) -> dict[str, Any]:
    """Return the message of an answer that is not streamed."""
    text = [{"type": "text", "text": reply.text}] if reply.text else []
    calls = [_call(call.id, call.name, json.loads(call.arguments)) for call in reply.calls]
    return _message(reply, [*text, *calls], _stop_reason(reply), _usage(reply, reply.output_tokens))


def events(reply: Reply) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the events of a streamed answer, in the vendor's order."""
    # The first count of output tokens is a small one; message_delta carries the running total.
    start = _message(reply, [], None, _usage(reply, min(1, reply.output_tokens)))
    yield _event("message_start", message=start)
    index = 0
    if reply.text:
        yield _event("content_block_start", index=index, content_block={"type": "text", "text": ""})
        yield _event("ping")
        for piece in text_pieces(reply.text):
            yield _event("content_block_delta", index=index, delta={"type": "text_delta", "text": piece})
        yield _event("content_block_stop", index=index)
        index += 1
    for call in reply.calls:
        yield _event("content_block_start", index=index, content_block=_call(call.id, call.name, {}))
        if index == 0:
            yield _event("ping")
        for piece in ("", *argument_pieces(call.arguments)):
            delta = {"type": "input_json_delta", "partial_json": piece}
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
        index += 1
    yield _event(
        "message_delta", delta={"stop_reason": _stop_reason(reply), "stop_sequence": None},
        usage=_usage(reply, reply.output_tokens),
    )
    yield _event("message_stop")


def models(names: tuple[str, ...]) -> dict[str, Any]:
    """Return the list of models. https://platform.claude.com/docs/en/api/models-list"""
    listed = [
        {"type": "model", "id": name, "display_name": name, "created_at": "2025-01-01T00:00:00Z"} for name in names
    ]
    return {"data": listed, "has_more": False, "first_id": names[0], "last_id": names[-1]}


def _event(kind: str, **members: Any) -> tuple[str, dict[str, Any]]:
    return kind, {"type": kind, **members}


def _message(reply: Reply, content: list[Any], stop_reason: str | None, usage: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": reply.model, "id": f"msg_{reply.id}", "type": "message", "role": "assistant", "content": content,
        "stop_reason": stop_reason, "stop_sequence": None, "usage": usage,
    }


def _call(call_id: str, name: str, arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{call_id}", "name": name, "input": arguments}


def _stop_reason(reply: Reply) -> str:
    return "tool_use" if reply.calls else "end_turn"


def _usage(reply: Reply, output_tokens: int) -> dict[str, Any]:
    return {
        "input_tokens": reply.input_tokens - reply.cached_input_tokens, "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": reply.cached_input_tokens, "output_tokens": output_tokens,
    }
