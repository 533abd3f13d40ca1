"""What a model request may ask of a vendor: words and pictures in, words out, and tools that run in the sandbox only.

A vendor's server-side tools, connectors, stored files and fetched addresses reach the outside world, or other work of
the same account, with the team's own key. A sandbox that has no network must not borrow the vendor's. Pure.

https://platform.claude.com/docs/en/agents-and-tools/tool-use/tool-reference (which tools run where),
https://platform.openai.com/docs/api-reference/responses/create, https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Sequence
from typing import Any

from app.execute.gateway.admit import Api, Target

# A body beyond these is an attempt on our memory or time: a long conversation has some ten thousand tokens, and an
# escape for each line of code in it.
_MOST_TOKENS = 400_000
_MOST_ESCAPES = 2_000_000
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{\[,]', re.DOTALL)
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
_INLINE_SOURCES = frozenset({"base64", "text", "content"})
_STORED_ITEMS = frozenset({"item_reference", "container_upload", "container_reference"})


class _Refused(Exception):
    pass


def refusal(target: Target, body: bytes, models: Sequence[str]) -> str | None:
    """Return why this request is not passed on, or None when it is.

    `models` are what the sandbox may ask, as `vendor/model`; `*` stands for any characters.
    """
    mine = [pattern.partition("/")[2] for pattern in models if pattern.partition("/")[0] == target.api]
    if not mine:
        return f"this sandbox's assignment names no model of {target.api}"
    if target.method != "POST":
        return None
    try:
        _check(target.api, _parsed(body), mine)
    except _Refused as error:
        return str(error)
    return None


def _parsed(body: bytes) -> dict[str, Any]:
    if body.count(b"\\") > _MOST_ESCAPES or any(count > _MOST_TOKENS for count, _ in enumerate(_TOKEN.finditer(body))):
        raise _Refused("the request has too many members")
    try:
        # Strictly UTF-8, and each key once: whoever reads it next must not see something else.
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise _Refused("the request is not one JSON document in UTF-8 with each key once") from None
    if not isinstance(value, dict):
        raise _Refused("the request is not a JSON object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key appears twice")
    return members


def _check(api: Api, request: dict[str, Any], models: Sequence[str]) -> None:
    for name, value in request.items():
        # Some readers take `Tools` for `tools`.
        if not _MEMBER.fullmatch(name):
            raise _Refused("a member of the request has an unusual name")
        if name in _REFUSED_MEMBERS[api] and value not in (None, False):
            raise _Refused(f"`{name}` would use the vendor's own reach or memory")
    model = request.get("model", "")
    if not isinstance(model, str) or not any(fnmatch.fnmatchcase(model, pattern) for pattern in models):
        raise _Refused(f"the model is none of those this sandbox may ask: {', '.join(models)}")
    if _SEARCHING_MODEL.search(model):
        raise _Refused("this model searches the web")
    _check_tools(api, request.get("tools"))
    for name in ("system", "messages", "input"):
        _check_content(api, request.get(name))
    entries = request.get("input")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and not (entry.get("type") or entry.get("role")):
            raise _Refused("an entry of `input` without a type stands for something stored at the vendor")


def _check_tools(api: Api, tools: object) -> None:
    if tools is None:
        return
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise _Refused("`tools` is not a list of objects")
    for tool in tools:
        kind = tool.get("type")
        if kind is None and api == "anthropic":
            continue
        if not isinstance(kind, str) or not _LOCAL_TOOLS[api].fullmatch(kind):
            raise _Refused(f"the tool type `{str(kind)[:60]}` runs at the vendor, or is not known to run in the sandbox only")
        where = tool.get("environment")
        if kind == "shell" and where is not None and not (isinstance(where, dict) and where.get("type") == "local"):
            raise _Refused("a `shell` in the vendor's container is not passed on")
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
        raise _Refused(f"`{value['type']}` stands for something stored at the vendor")
    for name, member in value.items():
        if member is None:
            continue
        if name in ("file_id", "file_ids"):
            raise _Refused(f"`{name}` stands for something stored at the vendor")
        if name.endswith("_url") and not _is_inline(member.get("url") if isinstance(member, dict) else member):
            raise _Refused(f"the vendor would fetch `{name}`: send the data itself")
        if name == "source" and isinstance(member, dict) and member.get("type") not in _INLINE_SOURCES:
            raise _Refused("the vendor would fetch a `source`, or look it up: send the data itself")
    _check_tools(api, value.get("tools"))
    for name in ("content", "output", "source", "file"):
        _check_content(api, value.get(name))


def _is_inline(address: object) -> bool:
    return isinstance(address, str) and address[:5].lower() == "data:"
