"""What every kind of delivery makes an Event of: its name, its conversation, and what tells it from any other happening; pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from app.core.event import Actor, Event, Repo
from app.core.run import MARKER_START
from app.errors import DeliveryRefused
from triggers.github.payload import Account, Delivery

SOURCE = "github"

_THREAD_LIMIT_CHARACTERS = 300

T = TypeVar("T")


@dataclass(frozen=True)
class Happening:
    """One delivery that is being read; `event` is GitHub's name of the event, `kind` that with the action."""

    event_name: str
    kind: str
    delivery_key: str

    def event(
        self, delivery: Delivery, *, thread: str, url: str, occurred_at: str | None, told: Sequence[object], **members: Any
    ) -> Event:
        """Return the Event; `thread` is what follows the repository's name, `told` what tells this happening from others of its kind."""
        repository, sender = delivery.repository, delivery.sender
        return Event(
            source=SOURCE, kind=self.kind, delivery_key=self.delivery_key,
            intent_key=self._intent_key(delivery, occurred_at, told),
            thread=_bounded(f"{SOURCE}:{repository.full_name}{thread}"),
            actor=Actor(id=str(sender.id), login=sender.login, kind="bot" if self.is_by_a_program(sender) else "person"),
            repo=Repo(
                id=repository.id, full_name=repository.full_name, default_branch=repository.default_branch,
                installation_id=None if delivery.installation is None else delivery.installation.id,
            ),
            url=url, occurred_at=occurred_at, **members,
        )

    def _intent_key(self, delivery: Delivery, occurred_at: str | None, told: Sequence[object]) -> str | None:
        """Return the happening's own key: GitHub signs no time of sending, so a captured delivery can be posted again
        under any delivery id, and an App and a repository's webhook may both tell of one happening.
        """
        if occurred_at is None:
            return None
        happening = [self.kind, delivery.repository.id, *told, delivery.sender.id, occurred_at]
        return hashlib.sha256(json.dumps(happening).encode()).hexdigest()

    def is_by_a_program(self, account: Account) -> bool:
        """Whether the account is no person's."""
        return account.type != "User" or account.login.endswith("[bot]")

    def is_by_nobody(self, account: Account) -> bool:
        """Whether the account can neither ring nor be listed: an organisation, a mannequin, a name that says what its type does not."""
        return self.is_by_a_program(account) and account.type != "Bot"

    def author(self, account: Account | None) -> Actor | None:
        """Return who has opened an issue or a pull request; None for somebody who is gone."""
        if account is None:
            return None
        return Actor(id=str(account.id), login=account.login, kind="bot" if self.is_by_a_program(account) else "person")

    def there(self, name: str, member: T | None) -> T:
        """Return a member that this kind cannot do without. Raises DeliveryRefused (400)."""
        if member is None:
            raise DeliveryRefused(f"{self.event_name}: the {name} is missing", status=400, reason="bad_payload")
        return member


def _bounded(thread: str) -> str:
    """Return a thread's name in as many characters as one has room for: a branch's can be longer."""
    if len(thread) <= _THREAD_LIMIT_CHARACTERS:
        return thread
    digest = hashlib.sha256(thread.encode()).hexdigest()[:32]
    return f"{thread[:_THREAD_LIMIT_CHARACTERS - 33]}~{digest}"


def pass_over_words(happening: Happening, sender: Account, author: Account | None, text: str | None) -> str | None:
    """Return why somebody's words are passed over, or None."""
    if happening.is_by_nobody(sender):
        return "bot"
    if author is None or author.id != sender.id:
        return "author_is_not_sender"
    return "own_words" if MARKER_START in (text or "") else None
