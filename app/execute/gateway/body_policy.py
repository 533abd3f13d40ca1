"""What a model request may ask of a vendor: words and pictures in, words out, and tools that run in the sandbox only.

A vendor's server-side tools, connectors, stored files and fetched addresses reach the outside world, or other work of
the same account, with the team's own key. A sandbox that has no network must not borrow the vendor's. Pure.

https://platform.claude.com/docs/en/agents-and-tools/tool-use/tool-reference (which tools run where),
https://platform.openai.com/docs/api-reference/responses/create, https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from app.execute.gateway.admit import Api, Target
from app.execute.gateway.body_json import BodyRefused, parsed
from app.execute.gateway.gemini_policy import check_gemini

# It is shown to people, and put on record.
_MODEL = re.compile(r"[!-~]{0,200}")
_MEMBER = re.compile(r"[a-z0-9_]{1,64}")

# Tools that the vendor only describes to its model and the agent runs. An unknown type is refused: new ones run anywhere.
_LOCAL_TOOLS: dict[Api, re.Pattern[str]] = {
    "anthropic": re.compile(r"custom|(?:bash|text_editor|computer|memory)_[0-9]{8}|tool_search_tool_(?:regex|bm25)(?:_[0-9]{8})?"),
    "openai": re.compile(r"function|custom|local_shell|shell|apply_patch|computer|computer_use_preview|namespace|tool_search"),
}
_REFUSED_MEMBERS: dict[Api, frozenset[str]] = {
    "anthropic": frozenset({"mcp_servers", "container"}),
    "openai": frozenset({"web_search_options", "previous_response_id", "conversation", "prompt", "background"}),
}
# These search the web by their name alone.
_SEARCHING_MODEL = re.compile(r"-search(?:-|$)|deep-research", re.IGNORECASE)
_OUTPUT_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens")
_ANSWERS = ("n", "candidateCount", "candidate_count")
# For a request that sets no limit; models that write more at a time seldom do.
_USUAL_OUTPUT = 32_000
_MOST_OUTPUT = 2_000_000
_INLINE_SOURCES = frozenset({"base64", "text", "content"})
_STORED_ITEMS = frozenset({"item_reference", "container_upload", "container_reference"})
# Where a block of a conversation holds others.
_NESTED = frozenset({"content", "output", "source", "file"})


class Asked(NamedTuple):
    """What a request asks for: the model's name (empty for what names none), the most tokens that it lets it write, and what
    changes its price.

    `refused` says why it is not passed on, or is None.
    """

    model: str = ""
    terms: Mapping[str, str] = {}
    most_output: int = 0
    refused: str | None = None


def look(target: Target, body: bytes, models: Sequence[str]) -> Asked:
    """Return what a request asks for, and whether that is refused.

    `models` are what the sandbox may ask, as `vendor/model`; `*` stands for any characters.
    """
    mine = [pattern.partition("/")[2] for pattern in models if pattern.partition("/")[0] == target.api]
    if not mine:
        return Asked(refused=f"this sandbox's assignment names no model of {target.api}")
    if target.method != "POST":
        return Asked()
    try:
        request = parsed(body)
        model = target.model or request.get("model", "")
        if not isinstance(model, str) or not _MODEL.fullmatch(model) or not may_ask(model, mine):
            raise BodyRefused(f"the model is none of those this sandbox may ask: {', '.join(mine)}")
        if target.api == "gemini":
            check_gemini(request, model)
        else:
            _check(target.api, request, model)
    except BodyRefused as error:
        return Asked(refused=str(error))
    return Asked(model, {name: value for name, value in _terms(request) if isinstance(value, str)}, _most_output(request))


def refusal(target: Target, body: bytes, models: Sequence[str]) -> str | None:
    """Return why this request is not passed on, or None when it is."""
    return look(target, body, models).refused


def fallback_of(target: Target, model: str, fallback: str | None, models: Sequence[str]) -> str | None:
    """Return the other model that may be asked where `model` is overloaded, as the vendor calls it, or None.

    It must be the same vendor's, another one, and one that the sandbox may ask.
    """
    vendor, _, name = (fallback or "").partition("/")
    mine = [pattern.partition("/")[2] for pattern in models if pattern.partition("/")[0] == target.api]
    is_fit = target.generates and vendor == target.api and name not in ("", model) and may_ask(name, mine)
    return name if is_fit and not _SEARCHING_MODEL.search(name) else None


def may_ask(model: str, patterns: Sequence[str]) -> bool:
    """Return whether a model's name fits one of the patterns."""
    return any(fnmatch.fnmatchcase(model, pattern) for pattern in patterns)


def _terms(request: dict[str, Any]) -> Iterator[tuple[str, object]]:
    yield "service_tier", request.get("service_tier", request.get("serviceTier"))
    yield "speed", request.get("speed")


def _most_output(request: dict[str, Any]) -> int:
    config = request.get("generationConfig", request.get("generation_config"))
    said = {**request, **config} if isinstance(config, dict) else request
    limits = [said.get(name) for name in _OUTPUT_LIMITS]
    most = max((limit for limit in limits if isinstance(limit, int) and limit > 0), default=_USUAL_OUTPUT)
    counts = [said.get(name) for name in _ANSWERS]
    answers = max((min(count, 128) for count in counts if isinstance(count, int) and count > 0), default=1)
    return min(most, _MOST_OUTPUT) * answers


def _check(api: Api, request: dict[str, Any], model: str) -> None:
    for name, value in request.items():
        # Some readers take `Tools` for `tools`.
        if not _MEMBER.fullmatch(name):
            raise BodyRefused("a member of the request has an unusual name")
        if name in _REFUSED_MEMBERS[api] and value not in (None, False):
            raise BodyRefused(f"`{name}` would use the vendor's own reach or memory")
    if _SEARCHING_MODEL.search(model):
        raise BodyRefused("this model searches the web")
    _check_tools(api, request.get("tools"))
    for name in ("system", "messages", "input"):
        _check_content(api, request.get(name))
    entries = request.get("input")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and not (entry.get("type") or entry.get("role")):
            raise BodyRefused("an entry of `input` without a type stands for something stored at the vendor")


def _check_tools(api: Api, tools: object) -> None:
    if tools is None:
        return
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise BodyRefused("`tools` is not a list of objects")
    for tool in tools:
        kind = tool.get("type")
        if kind is None and api == "anthropic":
            continue
        if not isinstance(kind, str) or not _LOCAL_TOOLS[api].fullmatch(kind):
            raise BodyRefused(f"the tool type `{str(kind)[:60]}` runs at the vendor, or is not known to run in the sandbox only")
        where = tool.get("environment")
        if kind == "shell" and where is not None and not (isinstance(where, dict) and where.get("type") == "local"):
            raise BodyRefused("a `shell` in the vendor's container is not passed on")
        _check_tools(api, tool.get("tools"))


def _check_content(api: Api, value: object) -> None:
    """Look at each block of a conversation; not into what a tool was called with, which is the agent's own data."""
    if isinstance(value, list):
        for entry in value:
            _check_content(api, entry)
        return
    if not isinstance(value, dict):
        return
    if value.get("type") in _STORED_ITEMS:
        raise BodyRefused(f"`{value['type']}` stands for something stored at the vendor")
    for name, member in value.items():
        if member is None:
            continue
        if name in _NESTED and not isinstance(member, str):
            _check_content(api, member)
        if name in ("file_id", "file_ids"):
            raise BodyRefused(f"`{name}` stands for something stored at the vendor")
        if name.endswith("_url") and not _is_inline(member.get("url") if isinstance(member, dict) else member):
            raise BodyRefused(f"the vendor would fetch `{name}`: send the data itself")
        if name == "source" and isinstance(member, dict) and member.get("type") not in _INLINE_SOURCES:
            raise BodyRefused("the vendor would fetch a `source`, or look it up: send the data itself")
    _check_tools(api, value.get("tools"))


def _is_inline(address: object) -> bool:
    return isinstance(address, str) and address[:5].lower() == "data:"
