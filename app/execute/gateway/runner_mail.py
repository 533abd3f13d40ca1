"""What the gateway itself has to say to a sandbox's runner: words for the agent, and that it is to stop."""

from __future__ import annotations

import anyio

# Between two of its calls a runner that listens is away for no longer.
_AWAY_SECONDS = 1.0
# An agent is kept waiting for the end of an answer no longer than this, so that it reads what it is told before it asks again.
_HEARING_SECONDS = 2.0


class RunnerMail:
    """`stop` is the reason why the agent is to end, or empty. Words are handed over once, and lost with the gateway."""

    def __init__(self) -> None:
        self.stop = ""
        self._words: list[str] = []
        self._on_their_way = False
        self._calls = 0
        self._called_at = float("-inf")
        self._news = anyio.Event()
        self._heard = anyio.Event()

    def say(self, text: str) -> None:
        """Have the runner hand `text` to the agent."""
        self._words.append(text)
        self._heard = anyio.Event()
        self._news.set()

    def tell_stop(self, reason: str) -> None:
        """Have the runner stop the agent."""
        self.stop = reason
        self._news.set()

    def begin_call(self) -> None:
        """Note that the runner asks: what it got the last time it has dealt with."""
        self._calls += 1
        if self._on_their_way:
            self._on_their_way = False
            self._heard.set()

    def end_call(self) -> None:
        """Note that the runner has its answer."""
        self._calls -= 1
        self._called_at = anyio.current_time()

    def take(self) -> list[str]:
        """Return the words that wait."""
        words, self._words = self._words, []
        self._on_their_way = self._on_their_way or bool(words)
        return words

    async def wait(self, seconds: float) -> None:
        """Wait for news."""
        with anyio.move_on_after(seconds):
            await self._news.wait()
            self._news = anyio.Event()

    async def until_heard(self) -> None:
        """Wait until the runner has dealt with all words, if one listens, and not for long."""
        if self._calls == 0 and anyio.current_time() - self._called_at > _AWAY_SECONDS:
            return
        with anyio.move_on_after(_HEARING_SECONDS):
            await self._heard.wait()
