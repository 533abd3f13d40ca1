"""OpenAI Responses. https://platform.openai.com/docs/api-reference/responses-streaming"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.emulators.model.reply import Reply, ReplyCall, argument_pieces, text_pieces

# What the vendor sends back of the request, with what it says where the request is silent.
_ECHOED: dict[str, Any] = {
    "instructions": None, "max_output_tokens": None, "metadata": {}, "parallel_tool_calls": True,
    "previous_response_id": None, "reasoning": {"effort": None, "summary": None}, "service_tier": "default",
    "store": True, "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [],
    "top_p": 1.0, "truncation": "disabled", "user": None,
}


def document(reply: Reply, request: dict[str, Any]) -> dict[str, Any]:
    """Return the response of an answer that is not streamed."""
    return _response(reply, request, "completed", [item for item, _ in _items(reply, request)])


def events(reply: Reply, request: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the events of a streamed answer, in the vendor's order, numbered from 0."""
    for number, (kind, members) in enumerate(_unnumbered(reply, request)):
        yield kind, {"type": kind, "sequence_number": number, **members}


def _unnumbered(reply: Reply, request: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    started = _response(reply, request, "in_progress", [])
    yield "response.created", {"response": started}
    yield "response.in_progress", {"response": started}
    for index, (item, call) in enumerate(_items(reply, request)):
        empty: dict[str, Any] = {"content": []} if call is None else {"arguments": ""}
        yield "response.output_item.added", {"output_index": index, "item": item | empty | {"status": "in_progress"}}
        where = {"item_id": item["id"], "output_index": index}
        yield from _text(reply.text, where) if call is None else _arguments(call, where)
        yield "response.output_item.done", {"output_index": index, "item": item}
    yield "response.completed", {"response": document(reply, request)}


def _text(text: str, where: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    where = where | {"content_index": 0}
    yield "response.content_part.added", where | {"part": _part("")}
    for piece in text_pieces(text):
        yield "response.output_text.delta", where | {"delta": piece, "logprobs": []}
    yield "response.output_text.done", where | {"text": text, "logprobs": []}
    yield "response.content_part.done", where | {"part": _part(text)}


def _arguments(call: ReplyCall, where: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for piece in argument_pieces(call.arguments):
        yield "response.function_call_arguments.delta", where | {"delta": piece}
    yield "response.function_call_arguments.done", where | {"name": call.name, "arguments": call.arguments}


def _items(reply: Reply, request: dict[str, Any]) -> list[tuple[dict[str, Any], ReplyCall | None]]:
    """Return the output items: the message, if there is text, then each call with what it came from."""
    spaces = _namespaces(request)
    items: list[tuple[dict[str, Any], ReplyCall | None]] = []
    if reply.text:
        items.append(({
            "id": f"msg_{reply.id}", "type": "message", "status": "completed", "role": "assistant",
            "content": [_part(reply.text)],
        }, None))
    items += [({
        "id": f"fc_{call.id}", "type": "function_call", "status": "completed", "call_id": f"call_{call.id}",
        "name": call.name, "arguments": call.arguments, **({"namespace": spaces[call.name]} if call.name in spaces else {}),
    }, call) for call in reply.calls]
    return items


def _namespaces(request: dict[str, Any]) -> dict[str, str]:
    """Return tool -> namespace, of those tools that the request offers in one.

    A call of such a tool names both. https://developers.openai.com/api/docs/guides/function-calling
    """
    spaces = [each for each in request.get("tools") or () if isinstance(each, dict) and each.get("type") == "namespace"]
    return {
        str(tool.get("name")): str(space.get("name")) for space in spaces for tool in space.get("tools") or () if isinstance(tool, dict)
    }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _response(reply: Reply, request: dict[str, Any], status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
    echoed = {name: value if request.get(name) is None else request[name] for name, value in _ECHOED.items()}
    return {
        "id": f"resp_{reply.id}", "object": "response", "created_at": reply.created, "status": status,
        "background": False, "error": None, "incomplete_details": None, "model": reply.model, "output": output,
        **echoed, "usage": _usage(reply) if status == "completed" else None,
    }


def _usage(reply: Reply) -> dict[str, Any]:
    return {
        "input_tokens": reply.input_tokens, "input_tokens_details": {"cached_tokens": reply.cached_input_tokens},
        "output_tokens": reply.output_tokens, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": reply.input_tokens + reply.output_tokens,
    }
