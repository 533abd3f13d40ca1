"""What a request to Gemini may ask: words and data in, words out, and functions that the agent runs itself; pure.

Everything is an allow-list: Google adds tools that run at Google under names of their own, and its reader takes
`googleSearch` and `google_search` alike. https://ai.google.dev/api/generate-content, https://ai.google.dev/api/caching#Tool
"""

from __future__ import annotations

from typing import Any

from app.execute.gateway.body_json import BodyRefused

_REQUEST = frozenset({
    "model", "contents", "systeminstruction", "tools", "toolconfig", "generationconfig", "safetysettings", "servicetier",
    "labels", "store",
})
_COUNT = frozenset({"contents", "generatecontentrequest"})
_CONTENT = frozenset({"role", "parts"})
# What a model said before comes back to it: `thought` and `thoughtSignature` among it.
_PART = frozenset({
    "text", "inlinedata", "functioncall", "functionresponse", "thought", "thoughtsignature", "partmetadata",
    "mediaresolution", "videometadata",
})
_FUNCTION_RESPONSE = frozenset({"id", "name", "response", "parts", "willcontinue", "scheduling"})
_TOOL_CONFIG = frozenset({"functioncallingconfig"})
_TOOL = frozenset({"functiondeclarations"})


def check_gemini(request: dict[str, Any], model: str) -> None:
    """Raise BodyRefused when the request asks for anything that Google would do outside the sandbox.

    `model` is the one that the path names.
    """
    inner = _member(request, "generatecontentrequest")
    _only(request, _COUNT if inner is not None else _REQUEST, "the request")
    if inner is not None:
        if not isinstance(inner, dict):
            raise BodyRefused("`generateContentRequest` is not an object")
        _contents(_member(request, "contents"))
        _check(inner, model)
    else:
        _check(request, model)


def _check(request: dict[str, Any], model: str) -> None:
    _only(request, _REQUEST, "the request")
    if _member(request, "model") not in (None, model, f"models/{model}"):
        raise BodyRefused("the request's `model` is another one than its path names")
    if _member(request, "store") not in (None, False):
        raise BodyRefused("`store` would use the vendor's own memory")
    _contents(_member(request, "contents"))
    _content(_member(request, "systeminstruction"))
    for tool in _list(_member(request, "tools"), "tools"):
        _only(tool, _TOOL, "a tool that runs at the vendor, or is not known to run in the sandbox only:")
    config = _member(request, "toolconfig")
    if config is not None:
        _only(config, _TOOL_CONFIG, "`toolConfig`")


def _contents(value: object) -> None:
    # Google's reader takes one object where a list is meant.
    for content in [value] if isinstance(value, dict) else _list(value, "contents"):
        _content(content)


def _content(value: object) -> None:
    if value is None:
        return
    _only(value, _CONTENT, "a content")
    parts = _member(value, "parts")
    for part in [parts] if isinstance(parts, dict) else _list(parts, "parts"):
        _part(part)


def _part(part: object) -> None:
    _only(part, _PART, "a part that stands for something stored or fetched by the vendor, or is not known:")
    answered = _member(part, "functionresponse")
    if answered is None:
        return
    _only(answered, _FUNCTION_RESPONSE, "`functionResponse`")
    for inner in _list(_member(answered, "parts"), "parts"):
        _only(inner, frozenset({"inlinedata"}), "a part of a `functionResponse`")


def _only(value: object, known: frozenset[str], what: str) -> None:
    if not isinstance(value, dict):
        raise BodyRefused(f"{what} is not an object")
    for name in value:
        if _plain(name) not in known:
            raise BodyRefused(f"{what} has the member `{name[:60]}`, which is not passed on")


def _member(value: object, name: str) -> Any:
    """Return the one member of that name, in either spelling. Raises BodyRefused where both are there."""
    found = [each for key, each in value.items() if _plain(key) == name] if isinstance(value, dict) else []
    if len(found) > 1:
        raise BodyRefused(f"`{name}` is there twice")
    return found[0] if found else None


def _list(value: object, name: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise BodyRefused(f"`{name}` is not a list")
    return value


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
