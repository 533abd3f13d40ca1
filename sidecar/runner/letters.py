"""What is said to an agent while it works, as values, and as the text that its next turn reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

# Who speaks when the runner or the gateway has something to say.
OWN_NAME = "Bellhop"
GO_ON = "You were interrupted for something that has been dealt with meanwhile. Go on with your work."


class Letter(NamedTuple):
    """One message; `id` is 0 for Bellhop's own. `now` interrupts the turn; after the turn that reads a `last` one there is none."""

    id: int
    author: str
    text: str
    now: bool = False
    last: bool = False


def read_letter(message: Mapping[str, Any], after: int) -> Letter:
    """Return a message of the door's answer to a call that asked after `after`. Raises KeyError, TypeError, ValueError."""
    number = int(message["id"])
    return Letter(
        number if number > after else 0, str(message.get("author", "")), str(message.get("text", "")),
        bool(message.get("now")), bool(message.get("last")),
    )


def wrap_up(seconds: float) -> Letter:
    """Return what an agent is told some time before it is stopped."""
    time = f"{round(seconds / 60)} minutes" if seconds >= 90 else f"{seconds:g} seconds"
    text = (
        f"Your time is nearly up: you are stopped in {time}. Finish now: leave the files as they should be handed over, and say "
        "what is done and what is not."
    )
    return Letter(0, OWN_NAME, text, now=True, last=True)


def as_text(letters: Sequence[Letter]) -> str:
    """Return letters as a turn reads them: who said it, and what."""
    said = (f"A message from {each.author or 'a person'}, sent while you worked:\n\n{each.text}" for each in letters)
    return "\n\n".join(said) + "\n"


def authors(letters: Sequence[Letter]) -> str:
    """Return who wrote letters, each once, in order."""
    return ", ".join(dict.fromkeys(each.author or "somebody" for each in letters))
