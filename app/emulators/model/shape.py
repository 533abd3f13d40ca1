"""What the vendors refuse about a request's body: missing members, tool calls and results that do not pair."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from app.emulators.model.call import Call, Form


class Complaint(NamedTuple):
    """A 400; `code` is OpenAI's slug, if it has one."""

    message: str
    code: str | None = None


_REQUIRED: dict[Form, dict[str, type | tuple[type, ...]]] = {
    "messages": {"model": str, "max_tokens": int, "messages": list},
    "count_tokens": {"model": str, "messages": list},
    "responses": {"model": str, "input": (str, list)},
    "chat": {"model": str, "messages": list},
    "generate": {"contents": list},
}


def complaint(call: Call) -> Complaint | None:
    """Return why the vendor would answer 400, or None."""
    if call.api == "anthropic" and "anthropic-version" not in call.headers:
        return Complaint("anthropic-version: header is required")
    if not isinstance(call.body, dict):
        return Complaint("the request body is not a JSON object")
    if call.api == "gemini" and (call.form == "count_tokens" or (call.streams and call.query != "alt=sse")):
        return Complaint("streams are server-sent events here: ask with alt=sse") if call.streams else None
    for name, kind in _REQUIRED.get(call.form, {}).items():
        value = call.body.get(name)
        if not isinstance(value, kind) or value == []:
            return Complaint(f"{name}: Field required", "missing_required_parameter")
    if call.body.get("previous_response_id"):
        # Nothing is stored here, so none is ever found.
        return Complaint("Previous response not found: send the whole input", "previous_response_not_found")
    return next(_unpaired(call.form, call.body), None)


def _unpaired(form: Form, body: dict[str, Any]) -> Iterator[Complaint]:
    if form == "generate":
        return _unpaired_contents(body["contents"])
    if form == "responses":
        return _unpaired_items(body["input"])
    return _unpaired_chat(body["messages"]) if form == "chat" else _unpaired_messages(body["messages"])


def _unpaired_contents(contents: list[Any]) -> Iterator[Complaint]:
    """Gemini wants as many function responses right after the model's function calls as there were calls, and no others."""
    called = 0
    for content in [*contents, None]:
        parts = content.get("parts") if isinstance(content, dict) else []
        known = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
        if content is not None and (not known or content.get("role", "user") not in ("user", "model")):
            yield Complaint("Please use a valid role: user, model, and at least one part")
        if sum("functionResponse" in part for part in known) != called and (content is not None or called):
            yield Complaint(
                "Please ensure that the number of function response parts is equal to the number of function call parts of "
                "the function call turn."
            )
        called = sum("functionCall" in part for part in known)


def _unpaired_messages(messages: list[Any]) -> Iterator[Complaint]:
    """Anthropic wants each `tool_use` answered in the very next message, and nothing else answered."""
    called: set[str] = set()
    for number, message in enumerate([*messages, None]):
        content = message.get("content") if isinstance(message, dict) else None
        blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
        answered = {str(block.get("tool_use_id")) for block in blocks if block.get("type") == "tool_result"}
        if message is not None and (not isinstance(message, dict) or message.get("role") not in ("user", "assistant")):
            yield Complaint(f"messages.{number}.role: Input should be 'user' or 'assistant'")
        if called - answered:
            names = ", ".join(sorted(called - answered))
            yield Complaint(
                f"messages.{number - 1}: `tool_use` ids were found without `tool_result` blocks immediately after: {names}"
            )
        if answered - called:
            names = ", ".join(sorted(answered - called))
            yield Complaint(f"messages.{number}: unexpected `tool_use_id` found in `tool_result` blocks: {names}")
        called = {str(block.get("id")) for block in blocks if block.get("type") == "tool_use"}


def _unpaired_chat(messages: list[Any]) -> Iterator[Complaint]:
    """Chat wants each call answered by a `tool` message before anything else is said."""
    open_calls: set[str] = set()
    for number, message in enumerate([*messages, None]):
        if message is not None and (not isinstance(message, dict) or not isinstance(message.get("role"), str)):
            yield Complaint(f"messages[{number}].role: Field required")
            return
        if message is not None and message["role"] == "tool":
            answered = str(message.get("tool_call_id"))
            if answered not in open_calls:
                yield Complaint("Messages with role 'tool' must answer a call in the 'tool_calls' before them: " + answered)
            open_calls.discard(answered)
            continue
        if open_calls:
            yield Complaint(
                "An assistant message with 'tool_calls' must be followed by tool messages for each 'tool_call_id': "
                + ", ".join(sorted(open_calls))
            )
        calls = message.get("tool_calls") if message is not None else None
        open_calls = {str(call.get("id")) for call in calls or [] if isinstance(call, dict)}


def _unpaired_items(items: str | list[Any]) -> Iterator[Complaint]:
    """Responses wants an output for each call somewhere after it, and a call for each output."""
    known = [item for item in items if isinstance(item, dict)]
    called = {item.get("call_id"): None for item in known if str(item.get("type")).endswith("_call")}
    answered = {item.get("call_id"): None for item in known if str(item.get("type")).endswith("_call_output")}
    for call_id in called:
        if call_id is not None and call_id not in answered:
            yield Complaint(f"No tool output found for function call {call_id}.")
    for call_id in answered:
        if call_id not in called:
            yield Complaint(f"No tool call found for function call output with call_id {call_id}.")
