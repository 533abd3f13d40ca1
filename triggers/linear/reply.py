"""The way back to Linear: what a card says, in the session that asked or as a comment; the issue's state; who somebody is."""

from __future__ import annotations

from app.core.card import Card, Shown
from app.core.event import Event
from app.core.person import History, Person
from app.errors import ServiceError
from triggers.linear import issues, people
from triggers.linear.addressed import Bot
from triggers.linear.comments import show_as_comment
from triggers.linear.connection import LinearConnection
from triggers.linear.sessions import show_in_session


class LinearConversation:
    """The Conversation of Linear. Every method raises ServiceError."""

    def __init__(self, linear: LinearConnection, bot: Bot) -> None:
        self._linear, self._bot = linear, bot

    def close(self) -> None:
        """Give every connection back."""
        self._linear.close()

    def show(self, card: Card, known: str) -> Shown:
        """Say in the card's session what it says, or bring its comment to that; either is looked up first."""
        issue_id = issues.issue_id_of(card.thread)
        if card.handle:
            return Shown(known=show_in_session(self._linear, card, known), thread=card.thread)
        return Shown(known=show_as_comment(self._linear, card, issue_id, self._bot.mention), thread=card.thread)

    def person(self, account_id: str) -> Person:
        """Return an account as it is in this workspace now."""
        return people.person(self._linear, account_id)

    def history(self, event: Event) -> History:
        """Return what members have said in the issue before."""
        return people.history(self._linear, event)

    def complete(self, event: Event) -> Event:
        """Return the event with its issue's labels and places."""
        return issues.complete(self._linear, event, self._bot)

    def begun(self, event: Event) -> None:
        """Move the issue to its first started state."""
        issues.begun(self._linear, event)

    def attach(self, event: Event, url: str, title: str) -> None:
        """Attach a pull request to the issue."""
        issues.attach(self._linear, event, url, title)

    def image(self, image_id: str) -> bytes:
        """Raise ServiceError: no history of Linear's names a picture."""
        raise ServiceError(f"there is no picture {image_id[:60]!r} in Linear's history", reason="linear_refused", retryable=False)
