"""`view_submission`: the form for a new run, filled in; pure. https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.event import Event
from triggers.slack.form import CALLBACK_ID, OPTIONAL, TASK, asked_in, filled_in
from triggers.slack.happening import PERSON, digest, event_of, foreign, members_of, text_of
from triggers.slack.installation import Installation, an_id
from triggers.storable import storable


def read_form(body: Mapping[str, Any], installed: Installation) -> Event | str:
    """Return the event, or why it is passed over. Raises DeliveryRefused."""
    view, by = members_of(body.get("view")), members_of(body.get("user"))
    if view.get("callback_id") != CALLBACK_ID or view.get("type") != "modal":
        return "not_ours"
    if foreign(installed, by.get("team_id"), view.get("team_id"), view.get("app_installed_team_id")):
        return "stranger"
    written = filled_in(view)
    task = storable(written[TASK])
    if not task:
        return "no_words"
    user = an_id(by.get("id"))
    # Where it was asked for nowhere, the answer goes to whoever asked.
    channel = an_id(asked_in(view) or user)
    # An option is one word: whatever follows would be taken for the task.
    options = " ".join(f"{name}={value.split()[0]}" for name in OPTIONAL if (value := storable(written[name])))
    one = digest("form", installed.team_id, an_id(view.get("id")))
    words = f"{installed.mention} {options} {task}" if options else f"{installed.mention} {task}"
    return event_of(
        installed, "form", delivery_key=f"form/{one}", user=user, channel=channel, first=f"form-{one[:32]}", text=words,
        login=storable(text_of(by.get("username") or by.get("name")))[:80], handle=f"{PERSON}{user}",
    )
