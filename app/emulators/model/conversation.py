"""Where a request stands in its conversation, read alike from all APIs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from app.emulators.model.call import Form

Speaker = Literal["system", "user", "model"]


class Place(NamedTuple):
    """`turn` counts the model's turns before; `opening` is what was said before the first of them, `latest` what
    came after the last; `tools` are the names that the request offers.
    """

    system: str
    opening: str
    latest: str
    turn: int
    tools: frozenset[str]

    @property
    def key(self) -> str:
        """The conversation's name: the same in each of its requests."""
        return hashlib.sha256(f"{self.system}\0{self.opening}".encode()).hexdigest()[:12]


def locate(form: Form, body: dict[str, Any]) -> Place:
    """Return where a request of Messages, Responses, Chat Completions or Gemini stands; what has no known shape is no text."""
    system: list[str] = []
    opening: list[str] = []
    latest: list[str] = []
    turn = 0
    before: Speaker = "user"
    for speaker, text in _said(form, body):
        if speaker == "system":
            system.append(text)
        elif speaker == "model":
            # Responses lists the parts of one turn one by one.
            turn += before != "model"
            latest.clear()
        else:
            latest.append(text)
            if turn == 0:
                opening.append(text)
        before = speaker
    tools = frozenset(_tool_names(body.get("tools")))
    return Place("\n".join(system), "\n".join(opening), "\n".join(latest), turn, tools)


def _said(form: Form, body: dict[str, Any]) -> Iterator[tuple[Speaker, str]]:
    if form == "responses":
        yield "system", _words(body.get("instructions"))
        items = body.get("input")
        yield from map(_item, [{"role": "user", "content": items}] if isinstance(items, str) else _dicts(items))
        return
    if form == "generate":
        yield "system", _words(_parts(body.get("systemInstruction")))
        yield from (("model" if item.get("role") == "model" else "user", _words(_parts(item))) for item in _dicts(body.get("contents")))
        return
    if form != "chat":
        yield "system", _words(body.get("system"))
    yield from map(_item, _dicts(body.get("messages")))


def _item(item: dict[str, Any]) -> tuple[Speaker, str]:
    role, kind = item.get("role"), str(item.get("type", "message"))
    if role in ("system", "developer"):
        return "system", _words(item)
    if role in ("user", "tool", "function") or kind.endswith("_output"):
        return "user", _words(item)
    return "model", ""


def _words(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(filter(None, map(_words, value)))
    if isinstance(value, dict):
        return _words(value.get("text") or value.get("content") or value.get("output"))
    return value if isinstance(value, str) else ""


def _parts(content: Any) -> list[Any]:
    """Return the parts of one of Gemini's contents as `_words` reads them: what a function answered is its `response`."""
    parts = _dicts(content.get("parts")) if isinstance(content, dict) else []
    answers = [each.get("functionResponse") for each in parts]
    return [
        json.dumps(answer.get("response"), ensure_ascii=False) if isinstance(answer, dict) else part
        for part, answer in zip(parts, answers, strict=True)
    ]


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _tool_names(tools: Any) -> Iterator[str]:
    for tool in _dicts(tools):
        function = tool.get("function")
        name = (function if isinstance(function, dict) else tool).get("name") or tool.get("type")
        if isinstance(name, str):
            yield name
        yield from _tool_names(tool.get("tools"))
        yield from _tool_names(tool.get("functionDeclarations"))
