"""What a conversation at a chat or planning service shows of a run, or of a ring that came to nothing: data, for that service to render.

Every word in it is plain text of whoever wrote it: the service that shows it makes it inert in its own markup.
"""

from __future__ import annotations

from typing import Literal

from app.core.noun import Noun

CardKind = Literal["status", "question", "notice", "menu"]
CardState = Literal["waiting", "working", "done", "failed", "held", "refused"]


class Link(Noun):
    """An address with the words to show for it."""

    label: str
    url: str


class Button(Noun):
    """What can be pressed below a card; a press comes back as `@bot <name> <value>`, said by whoever pressed, in the card's thread."""

    name: Literal["approve", "reject", "stop", "retry", "fix", "run-ci", "patch"]
    label: str
    value: str = ""
    is_danger: bool = False


class Option(Noun):
    """One line of a menu; `value` is what comes back."""

    value: str
    label: str


class Menu(Noun):
    """A choice to make: `name` says of what (`repository`), `options` stand in the order in which they are likely."""

    name: str
    label: str
    options: tuple[Option, ...]


class Card(Noun):
    """One message in one thread, as it should stand now.

    `key` names it among the thread's cards, for ever; `thread` is where it stands, `handle` what the service needs beyond that name;
    `only_for` is the account that alone is to see it, where the service can do that (empty: everybody there). `state` is set for a
    status; `headline` is one line, `body` may be long, `facts` are short (stage, elapsed, cost, last step), in order;
    `plan` are the agent's steps with whether each is done.
    """

    key: str
    kind: CardKind
    thread: str
    handle: str = ""
    only_for: str = ""
    state: CardState | None = None
    headline: str
    body: str = ""
    facts: tuple[str, ...] = ()
    plan: tuple[tuple[str, bool], ...] = ()
    links: tuple[Link, ...] = ()
    buttons: tuple[Button, ...] = ()
    menu: Menu | None = None

    @property
    def is_final(self) -> bool:
        """Whether nothing follows it: the one card by which a run ends."""
        return self.state in ("done", "failed", "refused")


class Shown(Noun):
    """Where a card stands now: `known` is how to find it again there, `thread` the conversation that answers to it come from."""

    known: str
    thread: str
