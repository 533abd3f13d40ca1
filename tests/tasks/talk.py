"""People who talk at a chat service, for the tests of what Bellhop makes of it; what real services do has tests of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.core.card import Card, Shown
from app.core.deciding.whose import account_named
from app.core.event import Actor, Event, Repo
from app.core.line.turns import Pace, Unpaced, counted_in
from app.core.person import History, Membership, Person
from app.core.roster import Known, Roster
from app.errors import ServiceError
from app.ledger import inbox, links, repositories
from app.ledger.inbox import Entry
from tasks.route import route
from tests.tasks.scene import Scene, profile

TEAM, CHANNEL = "T061EG9R6", "C024BE91L"
ANN, BEN = f"{TEAM}/U0ANN", f"{TEAM}/U0BEN"
THREAD = f"slack:{TEAM}/{CHANNEL}/1355517519.000000"


@dataclass
class Talk:
    """A Conversation that keeps what it is asked to show."""

    people: dict[str, Person] = field(default_factory=dict)
    cards: list[Card] = field(default_factory=list)
    asked: int = 0
    fails: int = 0
    moved_to: str = ""
    pace: Pace = field(default_factory=Unpaced)
    marks: list[str] = field(default_factory=list)
    told: History | ServiceError = History()  # noqa: RUF009 - frozen
    pictures: dict[str, bytes] = field(default_factory=dict)
    read: int = 0

    def show(self, card: Card, known: str) -> Shown:
        if self.fails:
            self.fails -= 1
            raise ServiceError("not now", retryable=True)
        assert known in ("", f"at-{card.key}")
        with self.pace.turn(counted_in(card.thread), "write"):
            self.cards.append(card)
        return Shown(known=f"at-{card.key}", thread=self.moved_to or card.thread)

    def person(self, account_id: str) -> Person:
        self.asked += 1
        return self.people.get(account_id, Person(id=account_id, name="somebody", membership="member"))

    def is_one(self, account_id: str, membership: Membership, name: str = "somebody") -> None:
        self.people[account_id] = Person(id=account_id, name=name, membership=membership)

    def complete(self, event: Event) -> Event:
        return event

    def begun(self, event: Event) -> None:
        self.marks.append(f"begun {event.thread}")

    def attach(self, event: Event, url: str, title: str) -> None:
        self.marks.append(f"attached {event.thread} {url}")

    def history(self, event: Event) -> History:
        self.read += 1
        if isinstance(self.told, ServiceError):
            raise self.told
        return self.told

    def image(self, image_id: str) -> bytes:
        if image_id not in self.pictures:
            raise ServiceError("there is none")
        return self.pictures[image_id]

    def now(self, key: str) -> Card:
        """Return a card as it stands now."""
        return next(card for card in reversed(self.cards) if card.key == key)

    def status(self, run_id: str) -> Card:
        """Return a run's card."""
        return self.now(run_id)


def talking(scene: Scene, *more_repositories: str) -> Talk:
    """Have people talk in Slack, with one repository installed, and more."""
    talk = Talk()
    scene.parts.conversations["slack"] = talk  # type: ignore[index]
    scene.parts.services["slack"] = scene.parts.services["github"]  # type: ignore[index]
    scene.profiles["fix"] = profile(on={"slack": {}, "issue_comment": {}, "issues": {"types": ["labeled"], "labels": ["bellhop"]}})
    here = tuple(Known(id=number, full_name=name, default_branch="main", archived=False) for number, name in enumerate(("octo/hello", *more_repositories), 1001))
    with scene.database.begin() as tx:
        repositories.hear(tx, Roster(source="github", kind="installation.created", installation_id=55, here=here))
    return talk


def linked(scene: Scene, who: str = ANN, github_id: int = 101, login: str = "alice") -> None:
    """Have an account linked, as its operator would."""
    with scene.database.begin() as tx:
        links.link(tx, account_named("slack", who), github_id, login, "operator")


def say(scene: Scene, text: str, who: str = ANN, *, kind: str = "slack.mention", thread: str = THREAD, login: str = "ann", **more: Any) -> Entry:
    """Let somebody say something there, route it, and return its inbox row."""
    scene.deliveries += 1
    event = Event(
        source="slack", kind=kind, delivery_key=f"slack-{scene.deliveries}", thread=thread, actor=Actor(id=who, login=login, kind="person"),
        repo=Repo.unsaid(), url="", title=text[:80], text=text, places=(f"channel:{CHANNEL}",), **more,
    )
    with scene.database.begin() as tx:
        inbox_id = inbox.store(tx, event).id
    route(scene.parts, inbox_id)
    return scene.entry(inbox_id)
