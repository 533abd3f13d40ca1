"""OpenAI Chat Completions. https://platform.openai.com/docs/api-reference/chat-streaming"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.emulators.model.reply import Reply, argument_pieces, text_pieces

DONE = "[DONE]"


def document(reply: Reply) -> dict[str, Any]:
    """Return the completion of an answer that is not streamed."""
    message: dict[str, Any] = {
        "role": "assistant", "content": reply.text or None, "refusal": None, "annotations": [],
    }
    if reply.calls:
        message["tool_calls"] = [
            {"id": f"call_{call.id}", "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in reply.calls
        ]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(reply)}
    return _frame(reply, "chat.completion") | {"choices": [choice], "usage": _usage(reply)}


def events(reply: Reply, *, include_usage: bool) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """Yield the chunks of a streamed answer and, last, `[DONE]`."""
    extra: dict[str, Any] = {"usage": None} if include_usage else {}

    def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> tuple[str, dict[str, Any]]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return "", _frame(reply, "chat.completion.chunk") | {"choices": [choice]} | extra

    yield chunk({"role": "assistant", "content": "" if reply.text else None, "refusal": None})
    for piece in text_pieces(reply.text):
        yield chunk({"content": piece})
    for index, call in enumerate(reply.calls):
        function = {"name": call.name, "arguments": ""}
        yield chunk({"tool_calls": [
            {"index": index, "id": f"call_{call.id}", "type": "function", "function": function},
        ]})
        for piece in argument_pieces(call.arguments):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, _finish_reason(reply))
    if include_usage:
        yield "", _frame(reply, "chat.completion.chunk") | {"choices": [], "usage": _usage(reply)}
    yield "", DONE


def models(names: tuple[str, ...]) -> dict[str, Any]:
    """Return the list of models. https://platform.openai.com/docs/api-reference/models/list"""
    listed = [{"id": name, "object": "model", "created": 1735689600, "owned_by": "bellhop"} for name in names]
    return {"object": "list", "data": listed}


def _frame(reply: Reply, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{reply.id}", "object": kind, "created": reply.created, "model": reply.model,
        "service_tier": "default", "system_fingerprint": None,
    }


def _finish_reason(reply: Reply) -> str:
    return "tool_calls" if reply.calls else "stop"


def _usage(reply: Reply) -> dict[str, Any]:
    return {
        "prompt_tokens": reply.input_tokens, "completion_tokens": reply.output_tokens,
        "total_tokens": reply.input_tokens + reply.output_tokens,
        "prompt_tokens_details": {"cached_tokens": reply.cached_input_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    }
