"""Which model requests may pass, decided on the bytes as they came: nothing is decoded or normalised first."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Api = Literal["anthropic", "openai", "gemini"]


class Target(NamedTuple):
    """One allowed call at a model API; `path` and `query` are what the upstream is asked for.

    `model` is the one that the path names, where it does (Gemini); elsewhere the body names it.
    """

    api: Api
    method: str
    path: str
    query: str = ""
    model: str = ""

    @property
    def generates(self) -> bool:
        """Whether it has the model speak: counting tokens and listing models do not."""
        return self.method == "POST" and not self.path.lower().endswith(("/count_tokens", ":counttokens"))

    def with_model(self, model: str) -> Target:
        """Return the call at another model of the same vendor, as far as the path names one."""
        return self._replace(path=self.path.replace(f"/{self.model}:", f"/{model}:"), model=model) if self.model else self


# Exact bytes: an encoded, dotted, doubled or differently cased spelling equals none of these.
_ALLOWED: dict[tuple[str, bytes], Target] = {
    (target.method, f"/{target.api}{target.path}".encode()): target
    for target in (
        Target("anthropic", "POST", "/v1/messages"),
        Target("anthropic", "POST", "/v1/messages/count_tokens"),
        Target("anthropic", "GET", "/v1/models"),
        Target("openai", "POST", "/v1/responses"),
        Target("openai", "POST", "/v1/chat/completions"),
        Target("openai", "GET", "/v1/models"),
        Target("gemini", "GET", "/v1beta/models"),
    )
}
# https://ai.google.dev/api/generate-content: the model is a part of the path.
_GEMINI = re.compile(rb"/gemini(/v1beta/models/([a-z0-9][a-z0-9.-]{0,99}):(generateContent|streamGenerateContent|countTokens))")

# Anthropic's own clients ask for the beta form of the same calls this way.
_BETA = b"beta=true"
# Gemini streams server-sent events only when it is asked to. Its `key=` is a credential, and never passes.
_SSE = b"alt=sse"


def admit(method: str, raw_path: bytes, query: bytes) -> Target | None:
    """Return the call that this request line stands for, or None when it is not allowed."""
    if method == "POST" and (found := _GEMINI.fullmatch(raw_path)):
        path, model, verb = (part.decode("ascii") for part in found.groups())
        streams = verb == "streamGenerateContent"
        if query != (_SSE if streams else b""):
            return None
        return Target("gemini", "POST", path, query.decode("ascii"), model)
    target = _ALLOWED.get((method, raw_path))
    if target is None or not query:
        return target
    if query == _BETA and target.path.startswith("/v1/messages"):
        return target._replace(query=_BETA.decode())
    return None
