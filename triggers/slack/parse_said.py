"""`app_mention` and `message`: what somebody says in a channel, in a thread, or to the bot alone; pure.

https://docs.slack.dev/reference/events/message
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.event import Event
from triggers.slack.address import addressed, names_the_bot, spoken
from triggers.slack.happening import MESSAGE, digest, event_of, foreign, members_of, said_at, text_of
from triggers.slack.installation import Installation, a_stamp, an_id

# A message that is somebody's own words; every other subtype is a program's, a change of something said, or Slack's own report.
_WORDS = ("", "file_share", "thread_broadcast")
_WHY = {"message_changed": "edited", "message_deleted": "deleted", "bot_message": "bot"}


def read_said(body: Mapping[str, Any], installed: Installation) -> Event | str:
    """Return the event, or why it is passed over. Raises DeliveryRefused."""
    said = members_of(body.get("event"))
    reason = _not_somebodys(said, installed)
    if reason is not None:
        return reason
    user, channel, stamp = an_id(said.get("user")), an_id(said.get("channel")), a_stamp(said.get("ts"))
    first = a_stamp(said.get("thread_ts") or stamp)
    raw = text_of(said.get("text"))
    is_alone, is_named = said.get("channel_type") == "im", names_the_bot(raw, installed)
    # Below what the bot has written itself people answer it; in their own threads they talk to each other until they name it.
    answers_us = first != stamp and said.get("parent_user_id") == installed.bot_user_id
    if not (is_alone or is_named or answers_us):
        return "only_quoted" if said.get("type") == "app_mention" else "not_to_us"
    words = spoken(raw, installed)
    # Slack tells of a mention twice, once as what it also is: both are one happening, of one kind.
    kind = "mention" if is_named and not is_alone else "message"
    return event_of(
        installed, kind, delivery_key=f"event/{event_id(body)}", intent_key=digest("said", installed.team_id, channel, stamp), user=user,
        channel=channel, first=first, text=addressed(words, installed), url=installed.permalink(channel, stamp, first), occurred_at=said_at(stamp),
        handle=f"{MESSAGE}{stamp}",
    )


def _not_somebodys(said: Mapping[str, Any], installed: Installation) -> str | None:
    """Return why these are no words of a member of our workspace, or None."""
    subtype = text_of(said.get("subtype"))
    if said.get("bot_id") == installed.bot_id != "" or said.get("user") == installed.bot_user_id:
        return "own_words"
    if subtype not in _WORDS:
        return _WHY.get(subtype, "membership" if subtype.endswith(("_join", "_leave")) else "subtype_not_used")
    if said.get("bot_id") or said.get("bot_profile"):
        return "bot"
    return "stranger" if foreign(installed, said.get("team"), said.get("user_team"), said.get("source_team")) else None


def event_id(body: Mapping[str, Any]) -> str:
    """Return Slack's own name for an event, which its retries repeat. Raises DeliveryRefused."""
    return an_id(body.get("event_id"))
