"""A model API on loopback that says what its script says, and refuses whatever the vendors would refuse."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

# What the script holds per request: text and commands, or a whole answer (status, headers, body), or a dropped connection.
Said = tuple[str, list[str]]
Raw = tuple[int, dict[str, str], Any]
DROP = "drop"


class ScriptedModel:
    """`requests` are the bodies as they came; `before` is called with the number of each request before it is answered."""

    def __init__(self, script: Sequence[Said | Raw | str]) -> None:
        self.script = script
        self.requests: list[bytes] = []
        self.wrongs: list[str] = []
        self.before: Callable[[int], None] = lambda _: None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request) for request in self.requests]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def _handler(model: ScriptedModel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            return

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            number = len(model.requests)
            model.requests.append(body)
            try:
                model.before(number)
            except (OSError, ValueError) as error:
                model.wrongs.append(f"before request {number}: {error}")
            vendor = VENDORS.get(self.path)
            if vendor is None or number >= len(model.script):
                model.wrongs.append(f"request {number} to {self.path}: none was scripted")
                self.send(500, {}, {"error": {"message": "the script has run out"}})
                return
            if wrong := vendor.wrong(json.loads(body), dict(self.headers)):
                model.wrongs.append(wrong)
                self.send(400, {}, {"error": {"message": wrong}})
                return
            said = model.script[number]
            if isinstance(said, str):
                self.close_connection = True
            elif len(said) == 3:
                self.send(*said)
            else:
                self.send(200, {}, vendor.answer(number, *said))

        def send(self, status: int, headers: dict[str, str], answer: Any) -> None:
            raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(raw))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

    return Handler


class _Vendor(Protocol):
    @staticmethod
    def wrong(body: dict[str, Any], headers: dict[str, str]) -> str: ...

    @staticmethod
    def answer(number: int, text: str, commands: list[str]) -> dict[str, Any]: ...


class _Anthropic:
    @staticmethod
    def wrong(body: dict[str, Any], headers: dict[str, str]) -> str:
        """Return what the API would refuse: https://docs.anthropic.com/en/api/messages."""
        if headers.get("anthropic-version") != "2023-06-01":
            return "anthropic-version: header is required"
        if not set(body) <= {"model", "max_tokens", "system", "tools", "messages"} or not isinstance(body.get("max_tokens"), int):
            return f"body: {sorted(body)}"
        asked: list[str] = []
        for index, turn in enumerate(body["messages"]):
            if turn["role"] != ("user", "assistant")[index % 2] or not turn["content"]:
                return f"messages.{index}: roles must alternate and content must not be empty"
            results = [block["tool_use_id"] for block in turn["content"] if block["type"] == "tool_result"]
            if results != asked or [block["type"] for block in turn["content"]][: len(asked)] != ["tool_result"] * len(asked):
                return f"messages.{index}: `tool_use` ids {asked} need `tool_result` blocks immediately after, found {results}"
            if any(block["type"] == "text" and not block["text"].strip() for block in turn["content"]):
                return f"messages.{index}: text content blocks must be non-empty"
            asked = [block["id"] for block in turn["content"] if block["type"] == "tool_use"]
        marks = json.dumps(body).count("cache_control")
        return "" if body["messages"][-1]["role"] == "user" and marks <= 4 else "the last message must be the user's"

    @staticmethod
    def answer(number: int, text: str, commands: list[str]) -> dict[str, Any]:
        blocks: list[dict[str, Any]] = [{"type": "text", "text": text, "citations": None}] if text else []
        blocks += [
            {"type": "tool_use", "id": f"toolu_{number}_{index}", "name": "bash", "input": {"command": command}}
            for index, command in enumerate(commands)
        ]
        return {
            "id": f"msg_{number}", "type": "message", "role": "assistant", "model": "m", "content": blocks,
            "stop_reason": "tool_use" if commands else "end_turn", "stop_sequence": None,
            "usage": {"input_tokens": 100 + number, "output_tokens": 10, "cache_read_input_tokens": 5},
        }


class _OpenAI:
    @staticmethod
    def wrong(body: dict[str, Any], headers: dict[str, str]) -> str:
        """Return what the API would refuse: https://platform.openai.com/docs/api-reference/chat."""
        if set(body) != {"model", "messages", "tools", "max_completion_tokens"} or body["tools"][0]["type"] != "function":
            return f"body: {sorted(body)}"
        asked: list[str] = []
        for index, turn in enumerate(body["messages"]):
            if turn["role"] == "tool":
                if turn["tool_call_id"] not in asked:
                    return f"messages.{index}: no such tool call"
                asked.remove(turn["tool_call_id"])
            elif asked:
                return f"messages.{index}: tool_call_ids did not have response messages: {asked}"
            elif turn["content"] is None and not turn.get("tool_calls"):
                return f"messages.{index}: content must not be null"
            asked += [call["id"] for call in turn.get("tool_calls", ())]
        return "tool_call_ids did not have response messages" if asked else ""

    @staticmethod
    def answer(number: int, text: str, commands: list[str]) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": None, "annotations": []}
        if commands:
            message["tool_calls"] = [
                {"id": f"call_{number}_{index}", "type": "function", "index": index,
                 "function": {"name": "bash", "arguments": json.dumps({"command": command})}}
                for index, command in enumerate(commands)
            ]
        return {
            "id": f"chatcmpl-{number}", "object": "chat.completion", "created": 0, "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if commands else "stop"}],
            "usage": {"prompt_tokens": 100 + number, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 5}},
        }


VENDORS: dict[str, type[_Vendor]] = {"/anthropic/v1/messages": _Anthropic, "/openai/v1/chat/completions": _OpenAI}
