"""Which model requests may pass, decided on the bytes as they came: nothing is decoded or normalised first."""

from __future__ import annotations

from typing import Literal, NamedTuple

Api = Literal["anthropic", "openai"]


class Target(NamedTuple):
    """One allowed call at a model API; `path` and `query` are what the upstream is asked for."""

    api: Api
    method: str
    path: str
    query: str = ""


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
    )
}

# Anthropic's own clients ask for the beta form of the same calls this way.
_BETA = b"beta=true"


def admit(method: str, raw_path: bytes, query: bytes) -> Target | None:
    """Return the call that this request line stands for, or None when it is not allowed."""
    target = _ALLOWED.get((method, raw_path))
    if target is None or not query:
        return target
    if query == _BETA and target.path.startswith("/v1/messages"):
        return target._replace(query=_BETA.decode())
    return None
