"""Who is looking at the pages, and what of them is theirs to see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from time import monotonic
from typing import NamedTuple

from app.core.run import Run
from app.ledger.signins import SignedIn


class Viewer(NamedTuple):
    """The operator, by a session that `bellhop link` has opened and who sees everything, or a person who has signed in with GitHub."""

    person: SignedIn | None = None

    @property
    def login(self) -> str:
        """Who has signed in; empty for the operator."""
        return self.person.login if self.person else ""

    def may_see(self, run: Run) -> bool:
        """Return whether a run is theirs to see: GitHub said that they may read its repository, known by its number."""
        return self.person is None or run.event.repo.id in self.person.repositories

    async def while_allowed(self, frames: AsyncIterator[str]) -> AsyncIterator[str]:
        """Yield what follows for as long as what GitHub said of this person counts; a browser then asks again."""
        ends = None if self.person is None else monotonic() + self.person.seconds_left
        async for frame in frames:
            if ends is not None and monotonic() >= ends:
                return
            yield frame


OPERATOR = Viewer()
