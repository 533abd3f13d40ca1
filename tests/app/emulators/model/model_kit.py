"""Requests as the vendors' clients send them, and an emulator being served."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from app.emulators.model import ANTHROPIC_KEY, OPENAI_KEY, ModelEmulator, Record, Script, serve

ANTHROPIC_HEADERS = {"x-api-key": ANTHROPIC_KEY, "anthropic-version": "2023-06-01"}
OPENAI_HEADERS = {"authorization": f"Bearer {OPENAI_KEY}"}
PATHS = {"messages": "/v1/messages", "responses": "/v1/responses", "chat": "/v1/chat/completions"}
FORMS = tuple(PATHS)
SCHEMA = {"type": "object", "properties": {"command": {"type": "string"}}}


def headers(form: str) -> dict[str, str]:
    return ANTHROPIC_HEADERS if form in ("messages", "count_tokens") else OPENAI_HEADERS


def body(form: str, *said: str, system: str = "", tool: str = "bash", **more: Any) -> dict[str, Any]:
    """Return a request in which user and model have `said` these things in turn; the last word is the user's."""
    turns = [{"role": "assistant" if at % 2 else "user", "content": text} for at, text in enumerate(said)]
    if form == "messages":
        tools: list[dict[str, Any]] = [{"name": tool, "input_schema": SCHEMA}]
        return {"model": "m", "max_tokens": 100, "system": system, "messages": turns, "tools": tools} | more
    if form == "chat":
        tools = [{"type": "function", "function": {"name": tool, "parameters": SCHEMA}}]
        return {"model": "m", "messages": [{"role": "developer", "content": system}, *turns], "tools": tools} | more
    tools = [{"type": "function", "name": tool, "parameters": SCHEMA}]
    return {"model": "m", "instructions": system, "input": turns, "tools": tools} | more


class Served:
    """An emulator and a client of it."""

    def __init__(self, emulator: ModelEmulator, url: str, client: httpx.Client) -> None:
        self.emulator = emulator
        self.url = url
        self.client = client

    def post(self, form: str, request: dict[str, Any]) -> httpx.Response:
        """Send one request of a form and read its whole answer."""
        return self.client.post(PATHS[form], json=request, headers=headers(form))

    def ask(self, form: str, *said: str, **more: Any) -> httpx.Response:
        """Send one request in which these things have been said."""
        return self.post(form, body(form, *said, **more))


@contextmanager
def served(source: Script | Record | dict[str, Any]) -> Iterator[Served]:
    """Serve an emulator that plays a script (as a dict, for brevity) or a record."""
    emulator = ModelEmulator(Script.model_validate(source) if isinstance(source, dict) else source)
    with serve(emulator) as url, httpx.Client(base_url=url, timeout=10, trust_env=False) as client:
        yield Served(emulator, url, client)


def said_in(form: str, answer: httpx.Response) -> str:
    """Return the text of an answer that is not streamed."""
    found = answer.json()
    if form == "messages":
        return "".join(block["text"] for block in found["content"] if block["type"] == "text")
    if form == "chat":
        return str(found["choices"][0]["message"]["content"])
    return "".join(part["text"] for item in found["output"] if item["type"] == "message" for part in item["content"])
