"""The calls that the emulator knows, and what it keeps of each one that came."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Api = Literal["anthropic", "openai", "gemini"]
Form = Literal["messages", "count_tokens", "responses", "chat", "generate", "models", "unknown"]

_FORMS: dict[tuple[str, str], Form] = {
    ("POST", "/v1/messages"): "messages",
    ("POST", "/v1/messages/count_tokens"): "count_tokens",
    ("POST", "/v1/responses"): "responses",
    ("POST", "/v1/chat/completions"): "chat",
    ("GET", "/v1/models"): "models",
    ("GET", "/v1beta/models"): "models",
}
_GEMINI = re.compile(r"/v1beta/models/([^/:]+):(generateContent|streamGenerateContent|countTokens)")
_CREDENTIALS = ("authorization", "x-api-key", "x-goog-api-key", "proxy-authorization", "cookie")


class Call(NamedTuple):
    """One request: `headers` by lower-case name, `form` `unknown` for what is none of the APIs' calls.

    `body` is the parsed JSON, None where there was none or it did not parse.
    """

    api: Api
    form: Form
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    size: int
    body: Any

    @property
    def streams(self) -> bool:
        """Whether the client asked for a stream."""
        if self.api == "gemini":
            return self.path.endswith(":streamGenerateContent")
        return isinstance(self.body, dict) and self.body.get("stream") is True

    @property
    def model(self) -> str:
        """The model that is asked; empty where none is named."""
        found = _GEMINI.fullmatch(self.path)
        named = found[1] if found else self.body.get("model") if isinstance(self.body, dict) else ""
        return named if isinstance(named, str) else ""

    def without_credentials(self) -> Call:
        """Return the call with each credential replaced by its fingerprint."""
        kept = {
            name: fingerprint(value.removeprefix("Bearer ")) if name in _CREDENTIALS else value
            for name, value in self.headers.items()
        }
        return self._replace(headers=kept)


def parse(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Call:
    """Return what a request is, whatever it holds."""
    form = _FORMS.get((method, path), "unknown")
    if method == "POST" and (found := _GEMINI.fullmatch(path)):
        form = "count_tokens" if found[2] == "countTokens" else "generate"
    # Both vendors have /v1/models: Anthropic's clients send a header that OpenAI's do not.
    anthropic = path.startswith("/v1/messages") or "anthropic-version" in headers or "x-api-key" in headers
    parsed = None
    if body:
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError):
            parsed = None
    api: Api = "gemini" if path.startswith("/v1beta/") else "anthropic" if anthropic else "openai"
    return Call(api, form, method, path, query, headers, len(body), parsed)


def fingerprint(secret: str) -> str:
    """Return what may be kept of a credential: enough to tell two apart."""
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()[:12]
