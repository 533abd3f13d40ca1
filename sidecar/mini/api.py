"""One POST to the model API through the door, with few and short repetitions."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any
from urllib.parse import urlsplit

from .steps import emit

REQUEST_SECONDS = 300.0
PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0)
LONGEST_PAUSE_SECONDS = 30.0
# 529: Anthropic is overloaded.
WORTH_REPEATING = frozenset({408, 429, 500, 502, 503, 504, 529})
# The gateway's own no: it stays the same until an operator acts.
FINAL = frozenset({"bellhop_no_key", "bellhop_refused"})


class ModelFailed(Exception):
    """The model API did not answer, or said no; the message is for a person, `code` is the service's own word."""

    def __init__(self, why: str, code: str = "") -> None:
        super().__init__(why)
        self.code = code


class _Unanswered(Exception):
    """One attempt failed in a way that another may not; `wait_seconds` is what the service asked for."""

    def __init__(self, why: str, wait_seconds: float | None = None) -> None:
        super().__init__(why)
        self.wait_seconds = wait_seconds


def post(base_url: str, path: str, headers: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
    """Send a request and return the answer's JSON object. Raises ModelFailed."""
    encoded = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    for attempt, pause in enumerate((*PAUSES_SECONDS, None), start=1):
        try:
            return _once(base_url, path, headers, encoded)
        except _Unanswered as error:
            wait = pause if error.wait_seconds is None else max(error.wait_seconds, pause or 0)
            if pause is None or wait is None:
                raise ModelFailed(f"{error} ({attempt} attempts)") from error
            if wait > LONGEST_PAUSE_SECONDS:
                raise ModelFailed(f"{error}; it asks to be left alone for {wait:g} seconds") from error
            emit("log", f"{error}; trying again")
            time.sleep(wait)
    raise AssertionError("the last attempt has no pause after it")


def _once(base_url: str, path: str, headers: dict[str, str], encoded: bytes) -> dict[str, Any]:
    url = urlsplit(base_url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=REQUEST_SECONDS)
    try:
        connection.request("POST", url.path + path, encoded, {"Content-Type": "application/json"} | headers)
        response = connection.getresponse()
        raw = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise _Unanswered(f"the model API did not answer: {type(error).__name__}: {error}".rstrip(": ")) from error
    finally:
        connection.close()
    try:
        answer = json.loads(raw)
    except ValueError:
        answer = None
    if response.status == 200 and isinstance(answer, dict):
        return answer
    why = f"the model API answered {response.status}: {_message(answer, raw)}"
    code = _code(answer)
    if response.status in WORTH_REPEATING and code not in FINAL:
        # The second is the gateway's own, for a wait that nobody should sit through.
        raise _Unanswered(why, _seconds(response.headers.get("Retry-After") or response.headers.get("X-Bellhop-Retry-After")))
    raise ModelFailed(why, code)


def _code(answer: object) -> str:
    error = answer.get("error") if isinstance(answer, dict) else None
    code = error.get("code") or error.get("type") if isinstance(error, dict) else None
    return str(code or "")


def _message(answer: object, raw: bytes) -> str:
    error = answer.get("error") if isinstance(answer, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return str(message) if message else raw[:500].decode(errors="replace") or "(nothing)"


def _seconds(value: str | None) -> float | None:
    try:
        return max(float(value), 0.0) if value is not None else None
    except ValueError:
        return None
