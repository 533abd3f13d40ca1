"""Misbehaviour on demand: a short, explicit list of what the next matching requests get instead of an answer."""

from __future__ import annotations

import json
import re
import threading
from typing import Literal

import anyio
from pydantic import Field, JsonValue, field_validator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.noun import Noun


class Fault(Noun):
    """What the next `times` requests get whose method and path (searched by the regular expression) match.

    `when` is `before` (nothing is done) or `after` (GitHub acts, and only the answer is lost). The answer is
    `status`, `body` (JSON) and `headers`, or with `drop` a connection that closes without a byte.
    `delay_seconds` passes first. Without `status` and `drop`, the request is only delayed.
    """

    path: str
    method: str = ".*"
    times: int = Field(default=1, ge=1)
    when: Literal["before", "after"] = "before"
    status: int | None = None
    body: JsonValue = None
    headers: dict[str, str] = {}
    drop: bool = False
    delay_seconds: float = 0.0

    @field_validator("path", "method")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern} is no regular expression: {error}") from error
        return pattern


class Faults:
    """The faults still to come, first in first out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        """Put one more fault at the end of the list."""
        with self._lock:
            self._left.append((fault, fault.times))

    def clear(self) -> None:
        """Behave again."""
        with self._lock:
            self._left.clear()

    @property
    def remaining(self) -> list[tuple[Fault, int]]:
        """The faults that have not been used up, each with the number of times left."""
        with self._lock:
            return list(self._left)

    def take(self, method: str, path: str) -> Fault | None:
        """Return the first fault that matches a request, and count it."""
        with self._lock:
            for index, (fault, left) in enumerate(self._left):
                if re.fullmatch(fault.method, method, re.IGNORECASE) and re.search(fault.path, path):
                    if left == 1:
                        del self._left[index]
                    else:
                        self._left[index] = (fault, left - 1)
                    return fault
        return None


class FaultyApp:
    """The outermost layer of the emulator: consults the list for every request."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, badly if the list says so."""
        fault = None
        if scope["type"] == "http" and not scope["path"].startswith("/_emulator/"):
            fault = self._faults.take(scope["method"], scope["path"])
        if fault is not None:
            await anyio.sleep(fault.delay_seconds)
        if fault is None or (fault.status is None and not fault.drop):
            await self._app(scope, receive, send)
            return
        if fault.when == "after":
            await self._app(scope, receive, _swallow)
        if fault.drop:
            await _drop(scope, receive)
        else:
            await _answer(fault, send)


async def _swallow(_message: Message) -> None:
    """Lose a part of an answer."""


async def _drop(scope: Scope, receive: Receive) -> None:
    transport = scope.get("state", {}).get("transport")
    if transport is None:
        raise RuntimeError("only the emulator's own server (app.emulators.github.serve) can drop a connection")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer(fault: Fault, send: Send) -> None:
    body = b"" if fault.body is None else json.dumps(fault.body).encode()
    headers = {"content-type": "application/json; charset=utf-8", "content-length": str(len(body)), **fault.headers}
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": fault.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
