"""Reading the tokens used out of a model API's answer while it streams past."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from app.execute.gateway.tokens import Tokens

# What is longer than this is not kept whole: of such an event or document only the tail is looked at.
_WHOLE_BYTES = 1024 * 1024
_TAIL_BYTES = 64 * 1024
# Above any model's window; the sum of three fits the ledger's integers.
_MOST_TOKENS = 2**29


class _Names(NamedTuple):
    """Where a vendor's usage has which count: a member's name, or two for one in an object of its own; all are summed."""

    holder: str
    input: tuple[str, ...]
    output: tuple[str, ...]
    cache_read: tuple[str, ...]
    cache_write: tuple[str, ...] = ()
    cache_write_1h: tuple[str, ...] = ()


# Anthropic counts apart what came from its cache or went there; OpenAI and Gemini count it in. Of OpenAI's two names an
# answer has one. Gemini counts thoughts apart from the answer, and OpenAI's reasoning is in its output.
_NAMES = {
    "anthropic": _Names(
        "usage", ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"), ("output_tokens",),
        ("cache_read_input_tokens",), ("cache_creation_input_tokens",), ("cache_creation.ephemeral_1h_input_tokens",),
    ),
    "openai": _Names(
        "usage", ("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens"),
        ("input_tokens_details.cached_tokens", "prompt_tokens_details.cached_tokens"),
    ),
    "gemini": _Names(
        "usageMetadata", ("promptTokenCount", "toolUsePromptTokenCount"), ("candidatesTokenCount", "thoughtsTokenCount"),
        ("cachedContentTokenCount",),
    ),
}


class UsageReader:
    """Token usage of one answer of Anthropic Messages, OpenAI Responses or Chat Completions, or Gemini, streamed or not.

    Takes bytes in any pieces, keeps about 1 MiB of them at most, and never raises on what they say.
    https://platform.claude.com/docs/en/build-with-claude/streaming (message_start and, cumulative, message_delta);
    https://platform.openai.com/docs/api-reference/responses-streaming (the `response` of the last event);
    https://platform.openai.com/docs/api-reference/chat-streaming (the last chunk, if `include_usage` was asked for);
    https://ai.google.dev/api/generate-content#UsageMetadata (each chunk, cumulative).
    """

    def __init__(self, api: str, path: str, content_type: str) -> None:
        self._names = _NAMES.get(api)
        self._free = path.rstrip("/").lower().endswith(("/count_tokens", ":counttokens"))
        self._streams = content_type.lower().lstrip().startswith("text/event-stream")
        self._part = _Part()
        self._seen: dict[str, int] = {}

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the answer's body."""
        if not self._streams:
            self._part.add(data)
            return
        *ended, rest = data.split(b"\n")
        for line in ended:
            self._part.add(line)
            self._read(self._part.take())
        self._part.add(rest)

    def result(self) -> Tokens | None:
        """Return the tokens as far as they are known by now; None when the answer named none."""
        self._read(self._part)
        if self._free or not self._seen or self._names is None:
            return None
        _, *fields = self._names
        return Tokens(*(sum(self._seen.get(name, 0) for name in names) for names in fields))

    def _read(self, part: _Part) -> None:
        data = bytes(part.data)
        if self._names is None or f'"{self._names.holder}"'.encode() not in data:
            return
        if part.cut:
            self._note(_last_usage(data, self._names.holder))
            return
        event = _parsed(data.strip().removeprefix(b"data:") if self._streams else data)
        # A document has it at the top, a stream's event also in the message or response that it tells of.
        for holder in (event.get("message"), event.get("response"), event):
            if isinstance(holder, dict):
                self._note(holder.get(self._names.holder))

    def _note(self, usage: object) -> None:
        if not isinstance(usage, Mapping) or self._names is None:
            return
        _, *fields = self._names
        for name in {name for names in fields for name in names}:
            outer, _, inner = name.partition(".")
            count = usage.get(outer)
            if inner:
                count = count.get(inner) if isinstance(count, Mapping) else None
            # Later numbers replace earlier ones: they are running totals.
            if isinstance(count, int) and not isinstance(count, bool) and 0 <= count < _MOST_TOKENS:
                self._seen[name] = count


class _Part:
    """One line or document as it grows; `cut` means that only its tail is left."""

    def __init__(self, data: bytearray | None = None, *, cut: bool = False) -> None:
        self.data = bytearray() if data is None else data
        self.cut = cut

    def add(self, more: bytes) -> None:
        """Append, and let go of the head of what is too long."""
        self.data += more
        if len(self.data) > _WHOLE_BYTES:
            self.cut = True
            del self.data[:-_TAIL_BYTES]

    def take(self) -> _Part:
        """Return what is there and start again empty."""
        taken = _Part(self.data, cut=self.cut)
        self.data, self.cut = bytearray(), False
        return taken


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _last_usage(tail: bytes, holder: str) -> object:
    # The APIs write it after everything of a model's or a client's that can be long. Inside a string both quotes would
    # have a backslash before them, so what a model wrote does not match.
    places = [match.end() for match in re.finditer(rb'"' + holder.encode() + rb'"\s*:\s*(?=\{)', tail)]
    if not places:
        return None
    try:
        return json.JSONDecoder().raw_decode(tail[places[-1]:].decode(errors="replace"))[0]
    except (ValueError, RecursionError):
        return None
