"""What was said in a thread before, by members; what others and programs said is left out and counted."""

from __future__ import annotations

from typing import Any

from app.core.event import Event
from app.core.person import History, Person, Spoken
from triggers.slack.client import SlackClient
from triggers.slack.failures import SlackSaidNo, as_service_error
from triggers.slack.happening import MESSAGE, foreign, members_of, text_of
from triggers.slack.installation import Installation, Place
from triggers.slack.people import person
from triggers.slack.pictures import images_of
from triggers.slack.plain import plain

# Of a long thread the newest: an agent reads what leads up to the request.
MOST_MESSAGES = 50
MOST_CHARACTERS = 20_000
MOST_PEOPLE = 20
_PAGE, _PAGES = 200, 5
# A time that cannot be read is later than any.
_LATEST = 1e12
_WORDS = (None, "file_share", "thread_broadcast")


def history(client: SlackClient, installed: Installation, event: Event) -> History:
    """Return what was said before the event, oldest first, and last the pictures that came with its own message. Raises ServiceError."""
    place = Place.of(event.thread)
    if not place.first or place.team_id != installed.team_id:
        return History()
    own = event.handle.removeprefix(MESSAGE) if event.handle.startswith(MESSAGE) else ""
    said = [each for each in _thread(client, place, own) if not own or _at(each) <= float(own)]
    asked: dict[str, Person] = {}
    spoken: list[Spoken] = []
    left_out = characters = 0
    for message in reversed(said):
        if message.get("user") == installed.bot_user_id:
            continue
        is_own = message.get("ts") == own
        words, images = "" if is_own else plain(text_of(message.get("text"))), images_of(message)
        if not words and not images:
            continue
        # What was changed after somebody asked is not what they had before their eyes.
        is_news = bool(own) and not is_own and int(_changed_at(message)) >= int(float(own))
        by = None if is_news else _member(client, installed, message, asked)
        if by is None:
            left_out += 1
            continue
        characters += len(words)
        if len(spoken) == MOST_MESSAGES or characters > MOST_CHARACTERS:
            break
        spoken.append(Spoken(author=by.name, text=words, images=images))
    return History(spoken=tuple(reversed(spoken)), left_out=left_out)


def completed(client: SlackClient, installed: Installation, event: Event) -> Event:
    """Return a reaction's event in the thread of its message; any other as it is. Raises ServiceError."""
    place = Place.of(event.thread)
    if event.kind != "slack.reaction" or not place.first:
        return event
    try:
        with as_service_error("asking in which thread a message stands"):
            answer: Any = client.conversations_replies(channel=place.channel, ts=place.first, limit=1)
            messages = answer["messages"]
    except SlackSaidNo as error:
        if error.said not in ("thread_not_found", "message_not_found"):
            raise
        return event
    first = next((text_of(each.get("thread_ts")) for each in messages), "")
    return event.model_copy(update={"thread": installed.thread(place.channel, first)}) if first else event


def _thread(client: SlackClient, place: Place, latest: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    for _ in range(_PAGES):
        with as_service_error("reading a thread"):
            answer: Any = client.conversations_replies(
                channel=place.channel, ts=place.first, limit=_PAGE, latest=latest or None, inclusive=True, cursor=cursor,
            )
            found += answer["messages"]
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            break
    return found


def _at(message: dict[str, Any]) -> float:
    try:
        return float(text_of(message.get("ts")))
    except ValueError:
        return float("inf")


def _changed_at(message: dict[str, Any]) -> float:
    """Return when a message was changed last, in whole seconds as Slack says it; 0: never. https://docs.slack.dev/reference/events/message/message_changed"""
    edited = message.get("edited")
    at = _at(members_of(edited)) if edited else 0.0
    return at if at < _LATEST else _LATEST


def _member(client: SlackClient, installed: Installation, message: dict[str, Any], asked: dict[str, Person]) -> Person | None:
    """Return the member who wrote a message, or None for whoever else did."""
    user = text_of(message.get("user"))
    if not user or message.get("subtype") not in _WORDS or message.get("bot_id"):
        return None
    if foreign(installed, message.get("team"), message.get("user_team"), message.get("source_team")):
        return None
    if user not in asked:
        if len(asked) == MOST_PEOPLE:
            return None
        asked[user] = person(client, installed, installed.account(user))
    return asked[user] if asked[user].membership == "member" else None
