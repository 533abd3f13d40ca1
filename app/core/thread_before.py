"""What a run is told of the thread that its request stands in: read once, when it starts, and kept with it. All of it is people's words."""

from __future__ import annotations

from app.core.noun import Noun
from app.core.person import Spoken

MOST_WORDS = 50
MOST_CHARACTERS = 20_000
MOST_PICTURES = 8
PICTURES_BYTES = 5 * 1024 * 1024
# Below HOME, where whatever Bellhop itself puts there lies.
PICTURES_DIR = ".bellhop/thread"


class Said(Noun):
    """One thing that a member has said; `pictures` are the names of those that came with it, below PICTURES_DIR."""

    author: str
    text: str = ""
    pictures: tuple[str, ...] = ()


class ThreadBefore(Noun):
    """What was said, oldest first; how many messages are left out because of who wrote them, and pictures because they could not be had.

    `unread` says why none of it could be read (empty: it could).
    """

    said: tuple[Said, ...] = ()
    left_out: int = 0
    pictures_left_out: int = 0
    unread: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell an agent."""
        return self == ThreadBefore()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the people who asked are told of it, one sentence each."""
        if self.unread:
            return (f"What was said in the thread before could not be read, and the agent did not see it: {self.unread}",)
        words = (f"Of the thread, {self.left_out} {_of(self.left_out, 'message')} did not go to the agent: not by members of the workspace, or changed since.",)
        pictures = (f"Of the thread, {self.pictures_left_out} {_of(self.pictures_left_out, 'picture')} did not go to the agent: too large, too many, or none.",)
        return (words if self.left_out else ()) + (pictures if self.pictures_left_out else ())


def newest(spoken: tuple[Spoken, ...]) -> tuple[Spoken, ...]:
    """Return the last things said that fit, oldest first."""
    kept: list[Spoken] = []
    characters = 0
    for each in reversed(spoken):
        characters += len(each.text)
        if len(kept) == MOST_WORDS or characters > MOST_CHARACTERS:
            break
        kept.append(each)
    return tuple(reversed(kept))


def _of(count: int, what: str) -> str:
    return what if count == 1 else f"{what}s"
