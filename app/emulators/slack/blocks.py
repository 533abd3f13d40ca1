"""Block Kit's blocks and modals, with their limits: https://docs.slack.dev/reference/block-kit/blocks"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.emulators.slack.block_rules import Rule, anything, boolean, distinct, many, said, shape, string, typed
from app.emulators.slack.elements import IMAGE, INPUTS, INTERACTIVE, LONGEST_URL, plain, text
from app.emulators.slack.problems import invalid_arguments, invalid_blocks
from app.emulators.slack.state import Json, State

MOST_IN_MESSAGE = 50
MOST_IN_VIEW = 100

_ID: dict[str, Rule] = {"block_id": string(255)}
_ACCESSORY = typed({**INTERACTIVE, "image": IMAGE})
_LINE = typed({"image": IMAGE, "plain_text": text(3000), "mrkdwn": text(3000)})


def _section(value: Any, at: str) -> Iterator[str]:
    yield from shape({}, {**_ID, "text": text(3000), "fields": many(text(2000), 10), "accessory": _ACCESSORY, "expand": boolean})(value, at)
    if "text" not in value and "fields" not in value:
        yield said("missing required field: text", at)


BLOCKS: dict[str, Rule] = {
    "section": _section,
    "actions": shape({"elements": distinct(many(typed(INTERACTIVE), 25), "action_id")}, _ID),
    "context": shape({"elements": many(_LINE, 10)}, _ID),
    "divider": shape({}, _ID),
    "header": shape({"text": plain(150)}, _ID),
    "image": shape({"alt_text": string(2000)}, {**_ID, "image_url": string(LONGEST_URL), "slack_file": anything, "title": plain(2000)}),
    "input": shape({"label": plain(2000), "element": typed(INPUTS)}, {
        **_ID, "hint": plain(2000), "optional": boolean, "dispatch_action": boolean,
    }),
    "markdown": shape({"text": string(12_000)}, _ID),
    "rich_text": shape({"elements": many(anything, 1000, 0)}, _ID),
}

# What Slack adds where it is not said.
_ADDED: dict[str, Json] = {"plain_text": {"emoji": True}, "mrkdwn": {"verbatim": False}, "input": {"optional": False, "dispatch_action": False}}

MODAL = shape({"title": plain(24), "blocks": distinct(many(typed(BLOCKS), MOST_IN_VIEW), "block_id")}, {
    "close": plain(24), "submit": plain(24), "private_metadata": string(3000, 0), "callback_id": string(255), "external_id": string(255, 0),
    "clear_on_close": boolean, "notify_on_close": boolean, "submit_disabled": boolean,
})


def checked(state: State, value: Any) -> list[Json] | None:
    """Return a message's blocks, each with a `block_id`. Raises Refusal (invalid_blocks, with what is wrong and where)."""
    if value is None or value == []:
        return None
    wrong = list(distinct(many(typed(BLOCKS), MOST_IN_MESSAGE), "block_id")(value, "/blocks"))
    if wrong:
        raise invalid_blocks(wrong)
    return numbered(state, value)


def checked_view(state: State, value: Any) -> Json:
    """Return a modal whose blocks have a `block_id` each. Raises Refusal (invalid_arguments, with what is wrong and where)."""
    wrong = list(typed({"modal": MODAL})(value, "/view"))
    if not wrong and "submit" not in value and any(one["type"] == "input" for one in value["blocks"]):
        wrong = [said("must be defined when a view has input blocks", "/view/submit")]
    if wrong:
        raise invalid_arguments(*wrong)
    return {**_completed(value), "blocks": numbered(state, value["blocks"])}


def numbered(state: State, blocks: list[Json]) -> list[Json]:
    """Give each block, and each element that somebody may use, an id where it has none, as Slack does."""
    found = []
    for block in blocks:
        one = {**(block if block["type"] == "rich_text" else _completed(block)), "block_id": block.get("block_id") or state.new_id("b")}
        for where in ("elements", "element", "accessory"):
            if where in one and one["type"] in ("actions", "section", "input"):
                inner = one[where]
                one[where] = [_named(state, each) for each in inner] if isinstance(inner, list) else _named(state, inner)
        found.append(one)
    return found


def _completed(value: Any) -> Any:
    """Return what was given with what Slack adds to it."""
    if isinstance(value, list):
        return [_completed(one) for one in value]
    if not isinstance(value, dict):
        return value
    added = _ADDED.get(str(value.get("type")), {})
    return {**added, **{name: _completed(member) for name, member in value.items()}}


def _named(state: State, element: Json) -> Json:
    return element if "action_id" in element or element["type"] == "image" else {**element, "action_id": state.new_id("a")}


def elements(blocks: list[Json] | None) -> Iterator[tuple[Json, Json]]:
    """Go through what somebody can use: pairs of block and element."""
    for block in blocks or []:
        inner = block.get("elements", []) if block["type"] == "actions" else [block[key] for key in ("element", "accessory") if key in block]
        for element in inner:
            if "action_id" in element:
                yield block, element


def texts(blocks: list[Json] | None) -> Iterator[str]:
    """Go through the texts of blocks in which markup counts."""
    for block in blocks or []:
        for one in (block.get("text"), *block.get("fields", []), *(block.get("elements", []) if block["type"] == "context" else [])):
            if isinstance(one, dict) and one.get("type") == "mrkdwn":
                yield one["text"]
        if block["type"] == "markdown":
            yield block["text"]
