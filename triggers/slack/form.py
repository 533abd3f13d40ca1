"""The form for a new run: what it looks like in Slack, and where it was asked for; pure. https://docs.slack.dev/surfaces/modals"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from triggers.slack.happening import members_of, text_of

CALLBACK_ID = "bellhop.form"
# A block, and the action in it, by the option that it becomes; the first is the task itself.
TASK, OPTIONAL = "task", {"repo": "Repository", "agent": "Agent", "model": "Model"}
TASK_LIMIT_CHARACTERS = 3000


def view(channel: str, name: str) -> dict[str, Any]:
    """Return the modal's view for `views.open`, with nothing in it that would have to be looked up; `name` is the bot's."""
    return {
        "type": "modal", "callback_id": CALLBACK_ID, "private_metadata": json.dumps({"channel": channel}),
        "title": _plain(f"New run of {name}"[:24]), "submit": _plain("Start"), "close": _plain("Cancel"),
        "blocks": [
            _input(TASK, "What is to be done", {"multiline": True, "max_length": TASK_LIMIT_CHARACTERS}),
            *(_input(option, label, {"max_length": 200}, optional=True) for option, label in OPTIONAL.items()),
        ],
    }


def _plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def _input(name: str, label: str, more: Mapping[str, Any], *, optional: bool = False) -> dict[str, Any]:
    element = {"type": "plain_text_input", "action_id": name, **more}
    return {"type": "input", "block_id": name, "label": _plain(label), "element": element, "optional": optional}


def asked_in(view: Mapping[str, Any]) -> str:
    """Return the channel in which a form was asked for, or nothing."""
    try:
        return text_of(members_of(json.loads(text_of(view.get("private_metadata")) or "{}")).get("channel"))
    except ValueError:
        return ""


def filled_in(view: Mapping[str, Any]) -> dict[str, str]:
    """Return what was written, by the option that it becomes."""
    values = members_of(members_of(view.get("state")).get("values"))
    return {
        name: text_of(members_of(members_of(values.get(name)).get(name)).get("value")).strip() for name in (TASK, *OPTIONAL)
    }
