"""Block Kit's limits in the emulated Slack are those of Slack's own library, to the character; what the library makes is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from slack_sdk.models import blocks as sdk
from slack_sdk.models.views import View

from app.emulators.slack.blocks import checked, checked_view
from app.emulators.slack.problems import Refusal
from app.emulators.slack.state import State

Json = dict[str, Any]
Make = Callable[[int], Json]


def plain(length: int) -> Json:
    return {"type": "plain_text", "text": "x" * length}


def button(**members: Any) -> Json:
    return {"type": "actions", "elements": [{"type": "button", "text": plain(1), "action_id": "a", **members}]}


def menu(**members: Any) -> Json:
    return {"type": "actions", "elements": [{"type": "static_select", "action_id": "a", "options": options(1), **members}]}


def options(count: int) -> list[Json]:
    return [{"text": plain(1), "value": str(number)} for number in range(count)]


def buttons(count: int) -> Json:
    return {"type": "actions", "elements": [{"type": "button", "text": plain(1), "action_id": str(number)} for number in range(count)]}


def confirm(**members: Any) -> Json:
    return button(confirm={"title": plain(1), "text": plain(1), "confirm": plain(1), "deny": plain(1), **members})


IN_MESSAGES: list[tuple[str, int, Make]] = [
    ("header", sdk.HeaderBlock.text_max_length, lambda n: {"type": "header", "text": plain(n)}),
    ("actions", sdk.ActionsBlock.elements_max_length, buttons),
    ("context", sdk.ContextBlock.elements_max_length, lambda n: {"type": "context", "elements": [plain(1)] * n}),
    ("fields", sdk.SectionBlock.fields_max_length, lambda n: {"type": "section", "fields": [plain(1)] * n}),
    ("block_id", sdk.Block.block_id_max_length, lambda n: {"type": "divider", "block_id": "x" * n}),
    ("alt text", sdk.ImageBlock.alt_text_max_length, lambda n: {"type": "image", "image_url": "https://e.test", "alt_text": "x" * n}),
    ("button", sdk.ButtonElement.text_max_length, lambda n: button(text=plain(n))),
    ("value", sdk.ButtonElement.value_max_length, lambda n: button(value="x" * n)),
    ("url", sdk.ButtonElement.url_max_length, lambda n: button(url="x" * n)),
    ("action_id", sdk.ButtonElement.action_id_max_length, lambda n: button(action_id="x" * n)),
    ("confirm title", sdk.ConfirmObject.title_max_length, lambda n: confirm(title=plain(n))),
    ("confirm text", sdk.ConfirmObject.text_max_length, lambda n: confirm(text=plain(n))),
    ("deny", sdk.ConfirmObject.deny_max_length, lambda n: confirm(deny=plain(n))),
    ("placeholder", sdk.StaticSelectElement.placeholder_max_length, lambda n: menu(placeholder=plain(n))),
    ("options", sdk.StaticSelectElement.options_max_length, lambda n: menu(options=options(n))),
    ("option", sdk.Option.label_max_length, lambda n: menu(options=[{"text": plain(n), "value": "x"}])),
    ("option value", sdk.Option.value_max_length, lambda n: menu(options=[{"text": plain(1), "value": "x" * n}])),
]

IN_VIEWS: list[tuple[str, int, Make]] = [
    ("title", View.title_max_length, lambda n: {"title": plain(n)}),
    ("submit", View.submit_max_length, lambda n: {"submit": plain(n)}),
    ("close", View.close_max_length, lambda n: {"close": plain(n)}),
    ("metadata", View.private_metadata_max_length, lambda n: {"private_metadata": "x" * n}),
    ("callback_id", View.callback_id_max_length, lambda n: {"callback_id": "x" * n}),
    ("blocks", View.blocks_max_length, lambda n: {"blocks": [{"type": "divider"}] * n}),
    ("label", sdk.InputBlock.label_max_length, lambda n: {"submit": plain(1), "blocks": [
        {"type": "input", "label": plain(n), "element": {"type": "plain_text_input"}},
    ]}),
]


@pytest.mark.parametrize(("most", "make"), [row[1:] for row in IN_MESSAGES], ids=[row[0] for row in IN_MESSAGES])
def test_a_messages_limit_is_slacks_own(most: int, make: Make) -> None:
    assert checked(State(), [make(most)])
    with pytest.raises(Refusal, match="invalid_blocks"):
        checked(State(), [make(most + 1)])


@pytest.mark.parametrize(("most", "make"), [row[1:] for row in IN_VIEWS], ids=[row[0] for row in IN_VIEWS])
def test_a_modals_limit_is_slacks_own(most: int, make: Make) -> None:
    view = {"type": "modal", "title": plain(1), "blocks": [{"type": "divider"}]}
    assert checked_view(State(), view | make(most))
    with pytest.raises(Refusal, match="invalid_arguments"):
        checked_view(State(), view | make(most + 1))


def test_what_slacks_library_makes_is_taken() -> None:
    made = [
        sdk.HeaderBlock(text="Run"), sdk.DividerBlock(), sdk.MarkdownBlock(text="**done**"),
        sdk.SectionBlock(text=sdk.MarkdownTextObject(text="*done*"), accessory=sdk.ButtonElement(text="Open", action_id="open", url="https://e.test")),
        sdk.ContextBlock(elements=[sdk.MarkdownTextObject(text="3 min"), sdk.ImageElement(image_url="https://e.test/i.png", alt_text="i")]),
        sdk.ActionsBlock(elements=[
            sdk.ButtonElement(text="Stop", action_id="stop", value="1", style="danger", confirm=sdk.ConfirmObject(title="Stop?", text="It stops.")),
            sdk.StaticSelectElement(placeholder="Repository", action_id="repo", options=[sdk.Option(label="octo/hello", value="octo/hello")]),
            sdk.OverflowMenuElement(action_id="more", options=[sdk.Option(label="Take the patch", value="patch")]),
        ]),
    ]
    assert checked(State(), [one.to_dict() for one in made])


@pytest.mark.parametrize("given", [
    "text", {"type": "divider"}, [1], [None], [{"type": 1}], [{"type": "divider", "block_id": 1}], [{"type": "section", "text": "x"}],
    [{"type": "actions", "elements": {}}], [{"type": "section", "text": plain(1), "accessory": []}], [{"type": "section", "fields": "x"}],
], ids=range(10))
def test_what_is_no_block_at_all_is_refused_and_breaks_nothing(given: object) -> None:
    with pytest.raises(Refusal, match="invalid_blocks"):
        checked(State(), given)
