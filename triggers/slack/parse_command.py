"""The slash command: `/bellhop <task> [repo=... agent=... model=...]`; pure. https://docs.slack.dev/interactivity/implementing-slash-commands"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.event import Event
from triggers.slack.address import ordered, spoken
from triggers.slack.happening import PERSON, digest, event_of, text_of
from triggers.slack.installation import Installation, an_id
from triggers.storable import storable

NO_WORDS = "no_words"


def read_command(body: Mapping[str, Any], installed: Installation) -> Event | str:
    """Return the event, or why it is passed over; a command without words asks for the form. Raises DeliveryRefused.

    Nothing stands in the channel yet: the thread has a name of its own, until the first card is shown.
    """
    user, channel = an_id(body.get("user_id")), an_id(body.get("channel_id"))
    task = spoken(text_of(body.get("text")), installed).removeprefix(installed.mention).strip()
    if not task:
        return NO_WORDS
    # Each use has a trigger of its own, which a repetition of the request repeats.
    one = digest("command", installed.team_id, channel, user, text_of(body.get("trigger_id")), task)
    return event_of(
        installed, "command", delivery_key=f"command/{one}", user=user, channel=channel, first=f"command-{one[:32]}",
        text=f"{installed.mention} {ordered(task)}", login=storable(text_of(body.get("user_name")))[:80], handle=f"{PERSON}{user}",
    )
