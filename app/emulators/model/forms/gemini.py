"""Gemini's generateContent. https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from app.emulators.model.reply import Reply, text_pieces


def document(reply: Reply) -> dict[str, Any]:
    """Return the response of an answer that is not streamed."""
    text = [{"text": reply.text}] if reply.text else []
    return _response(reply, [*text, *_calls(reply)], _usage(reply, reply.output_tokens), last=True)


def events(reply: Reply) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the chunks of a streamed answer; each carries the running totals, calls come whole."""
    pieces: list[dict[str, Any]] = [*({"text": piece} for piece in text_pieces(reply.text)), *_calls(reply)]
    for number, part in enumerate(pieces, start=1):
        last = number == len(pieces)
        yield "", _response(reply, [part], _usage(reply, reply.output_tokens if last else min(number, reply.output_tokens)), last=last)


def models(names: tuple[str, ...]) -> dict[str, Any]:
    """Return the list of models. https://ai.google.dev/api/models#method:-models.list"""
    verbs = ["generateContent", "countTokens"]
    return {"models": [
        {"name": f"models/{name}", "version": "001", "displayName": name, "supportedGenerationMethods": verbs} for name in names
    ]}


def _response(reply: Reply, parts: list[dict[str, Any]], usage: dict[str, int], *, last: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if last:
        candidate["finishReason"] = "STOP"
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": reply.model, "responseId": reply.id}


def _calls(reply: Reply) -> list[dict[str, Any]]:
    return [{"functionCall": {"id": call.id, "name": call.name, "args": json.loads(call.arguments)}} for call in reply.calls]


def _usage(reply: Reply, output_tokens: int) -> dict[str, int]:
    cached = {"cachedContentTokenCount": reply.cached_input_tokens} if reply.cached_input_tokens else {}
    return {
        "promptTokenCount": reply.input_tokens, **cached, "candidatesTokenCount": output_tokens,
        "totalTokenCount": reply.input_tokens + output_tokens,
    }
