"""What Bellhop does in Slack: one message per card, edited as things go; who somebody is, and what was said before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from app.core.card import Card, Shown
from app.core.event import Event
from app.core.line.turns import Pace
from app.core.person import History, Person
from app.errors import ServiceError
from app.settings import Settings
from triggers.slack import blocks, people, pictures, snippet, talk
from triggers.slack.client import SlackClient
from triggers.slack.failures import GONE, NO_PLACE, TOO_LONG, SlackSaidNo, as_service_error
from triggers.slack.happening import PERSON
from triggers.slack.installation import SOURCE, Installation, Place

# How a message of ours says which card it is: https://docs.slack.dev/messaging/message-metadata
EVENT_TYPE = "bellhop_card"
_PAGE, _PAGES = 200, 5


class SlackConversation:
    """app.ports.Conversation over Slack's Web API; safe to share between threads."""

    def __init__(self, settings: Settings, pace: Pace | None = None) -> None:
        self._client = SlackClient(settings, pace)
        self._name = settings.bot_login.removesuffix("[bot]")
        self._known: Installation | None = None
        self._asking = threading.Lock()

    def show(self, card: Card, known: str) -> Shown:
        """Bring the card's message to what the card says: edit it where it is known or found, else write it.

        For one account alone (`only_for`) each state is a message of its own, which Slack lets nobody edit.
        """
        place = Place.of(card.thread)
        self._ours(place.team_id)
        if card.only_for:
            return self._whispered(card, place)
        at = known if known.count("/") == 1 else self._found(card, place)
        if at:
            try:
                return self._with_snippet(card, place, self._edited(card, at))
            except SlackSaidNo as error:
                # Somebody has deleted it. What a run has come to is said again; what it does meanwhile is not forced on anybody.
                if error.said not in GONE or not card.is_final:
                    raise
                if at == f"{place.channel}/{place.first}":
                    # It was the first of its thread, which has gone with it.
                    place = place.model_copy(update={"first": ""})
        return self._with_snippet(card, place, self._written(card, place))

    def person(self, account_id: str) -> Person:
        """Return a member's account, `TEAM/USER`; whoever is of another workspace is a stranger."""
        return people.person(self._client, self.installed(), account_id)

    def history(self, event: Event) -> History:
        """Return what members have said in the thread before the event, and the pictures that came with it."""
        return talk.history(self._client, self.installed(), event)

    def image(self, image_id: str) -> bytes:
        """Return a picture by Slack's id of the file."""
        return pictures.image(self._client, image_id)

    def complete(self, event: Event) -> Event:
        """Return a reaction's event in the thread of the message that it was put on, which Slack does not say."""
        return talk.completed(self._client, self.installed(), event)

    def begun(self, event: Event) -> None:
        """There is no such mark in Slack."""

    def attach(self, event: Event, url: str, title: str) -> None:
        """Nothing can be attached in Slack: the card has the link."""

    def installed(self) -> Installation:
        """Return the workspace that the token belongs to, asked once."""
        with self._asking:
            if self._known is None:
                with as_service_error("asking which workspace this is"):
                    said = self._client.auth_test()
                    self._known = Installation(
                        team_id=str(said["team_id"]), bot_user_id=str(said["user_id"]), bot_id=str(said.get("bot_id") or ""),
                        url=str(said.get("url") or ""), name=self._name,
                    )
                    self._client.team_id = self._known.team_id
            return self._known

    def scopes(self) -> frozenset[str]:
        """Return what the bot's token may do, as Slack says with each answer. https://docs.slack.dev/reference/scopes"""
        with as_service_error("asking what the token may do"):
            headers = {str(name).lower(): str(value) for name, value in dict(self._client.auth_test().headers).items()}
        return frozenset(each.strip() for each in headers.get("x-oauth-scopes", "").split(",") if each.strip())

    def _ours(self, team_id: str) -> None:
        if team_id != self.installed().team_id:
            raise ServiceError("this conversation is in another workspace than the bot's token is good for", reason="other_workspace", retryable=False)

    def _said(self, card: Card, *, is_brief: bool = False) -> dict[str, Any]:
        """Return the arguments that make a message of a card."""
        return {
            "text": blocks.text_of(card), "blocks": blocks.blocks_of(card, has_snippet=snippet.is_wanted(card), is_brief=is_brief),
            "metadata": {"event_type": EVENT_TYPE, "event_payload": {"key": card.key}}, "parse": "none", "link_names": False,
        }

    def _tried(self, call: Any, card: Card, **where: Any) -> Any:
        """Call with the whole card, or where Slack finds that too much, with what is short of it."""
        try:
            with as_service_error("showing a card"):
                return call(**where, **self._said(card))
        except SlackSaidNo as error:
            if error.said not in TOO_LONG:
                raise
        with as_service_error("showing a card, cut"):
            return call(**where, **self._said(card, is_brief=True))

    def _edited(self, card: Card, at: str) -> str:
        channel, _, stamp = at.partition("/")
        self._tried(self._client.chat_update, card, channel=channel, ts=stamp)
        return at

    def _written(self, card: Card, place: Place) -> str:
        where: dict[str, Any] = {"channel": place.channel, "unfurl_links": False, "unfurl_media": False}
        if place.first:
            where["thread_ts"] = place.first
        try:
            said = self._tried(self._client.chat_postMessage, card, **where)
        except SlackSaidNo as error:
            # A command can be used where the bot is not: whoever used it has a conversation with it.
            if error.said not in NO_PLACE or place.first or not card.handle.startswith(PERSON):
                raise
            user = card.handle.removeprefix(PERSON)
            direct = self._direct(user)
            if direct and (at := self._found(card, place.model_copy(update={"channel": direct}))):
                return self._edited(card, at)
            said = self._tried(self._client.chat_postMessage, card, **where | {"channel": direct or user})
        with as_service_error("showing a card"):
            return f"{said['channel']}/{said['ts']}"

    def _direct(self, user: str) -> str:
        """Return the channel of the bot and one person; empty: the token may not ask, so nothing can be looked up there."""
        try:
            with as_service_error("asking for somebody's direct messages"):
                return str(self._client.conversations_open(users=user)["channel"]["id"])
        except SlackSaidNo as error:
            if error.said != "missing_scope":
                raise
        return ""

    def _whispered(self, card: Card, place: Place) -> Shown:
        user = card.only_for.rpartition("/")[2]
        said = {name: value for name, value in self._said(card).items() if name != "metadata"}
        try:
            with as_service_error("showing a card to one person"):
                self._client.chat_postEphemeral(channel=place.channel, user=user, thread_ts=place.first or None, **said)
        except SlackSaidNo as error:
            if error.said not in NO_PLACE:
                raise
            with as_service_error("writing to one person"):
                self._client.chat_postMessage(channel=user, unfurl_links=False, unfurl_media=False, **said)
        return Shown(known="", thread=card.thread)

    def _found(self, card: Card, place: Place) -> str:
        """Return where a message of ours with the card's key stands already, or nothing."""
        own = self.installed().bot_user_id
        try:
            for message in self._messages(place):
                metadata = message.get("metadata") or {}
                is_it = metadata.get("event_type") == EVENT_TYPE and (metadata.get("event_payload") or {}).get("key") == card.key
                if is_it and message.get("user") == own:
                    return f"{place.channel}/{message['ts']}"
        except SlackSaidNo as error:
            # Nothing can stand where nothing can be read; a token that may write and not read cannot look.
            if error.said not in NO_PLACE | {"thread_not_found", "missing_scope"}:
                raise
        return ""

    def _messages(self, place: Place) -> Iterator[dict[str, Any]]:
        """Yield the messages among which a card's may be: its thread's, or the newest of a channel."""
        cursor = None
        for _ in range(_PAGES if place.first else 1):
            with as_service_error("looking a card up"):
                answer: Any = (
                    self._client.conversations_replies(channel=place.channel, ts=place.first, limit=_PAGE, include_all_metadata=True, cursor=cursor)
                    if place.first else self._client.conversations_history(channel=place.channel, limit=_PAGE, include_all_metadata=True)
                )
                yield from answer["messages"]
                cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return

    def _with_snippet(self, card: Card, place: Place, at: str) -> Shown:
        channel, _, stamp = at.partition("/")
        first = place.first if place.first and channel == place.channel else stamp
        if snippet.is_wanted(card):
            snippet.bring(self._client, card, channel, first)
        return Shown(known=at, thread=f"{SOURCE}:{place.team_id}/{channel}/{first}")
