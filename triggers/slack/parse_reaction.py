"""`reaction_added`: an `:x:` on what the bot has written stops; pure. https://docs.slack.dev/reference/events/reaction_added"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.event import Event
from triggers.slack.happening import CARD, digest, event_of, foreign, members_of
from triggers.slack.installation import Installation, a_stamp, an_id
from triggers.slack.parse_said import event_id

STOPS = "x"


def read_reaction(body: Mapping[str, Any], installed: Installation) -> Event | str:
    """Return the event, or why it is passed over. Raises DeliveryRefused.

    Slack does not say in whose thread the message stands: the event's is named by the message itself until the conversation completes it.
    """
    event = members_of(body.get("event"))
    item = members_of(event.get("item"))
    if event.get("reaction") != STOPS or item.get("type") != "message":
        return "reaction_not_used"
    if event.get("item_user") != installed.bot_user_id:
        return "not_to_us"
    if event.get("user") == installed.bot_user_id:
        return "own_words"
    if foreign(installed, event.get("team"), event.get("user_team")):
        return "stranger"
    user, channel, stamp = an_id(event.get("user")), an_id(item.get("channel")), a_stamp(item.get("ts"))
    return event_of(
        installed, "reaction", delivery_key=f"event/{event_id(body)}",
        # Taken back and given again it is another one, by its own time.
        intent_key=digest("reaction", installed.team_id, channel, stamp, user, str(event.get("event_ts"))), user=user, channel=channel, first=stamp,
        text=f"{installed.mention} stop", url=installed.permalink(channel, stamp, stamp), handle=f"{CARD}{channel}/{stamp}",
    )
