"""What the runs of this host have used of their models, kept current in memory; the ledger is where it begins again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple
from weakref import WeakValueDictionary

import anyio
from sqlalchemy import Connection

from app.core.line.budget import Budget, Spent, in_words, level
from app.core.report import BudgetNote
from app.execute.gateway.door import Door
from app.ledger import exchanges, reports, runs

# Marks of the run: its last turn has been had, and one after it was refused (tasks/finishing/budget_end.py).
LAST_TURN = "last-turn"
REFUSED = "budget-refused"

Turn = Literal["turn", "last"]


class Cost(NamedTuple):
    """What one answered request used; `micro_usd` is None where nobody knows the price."""

    tokens: int
    micro_usd: int | None


class RunBudget:
    """One run's budget over all of its sandboxes; every call is at once, so that none falls between two others.

    Each request that has a model speak waits while the budget `is_crowded`, takes its turn with `take`, is `under_way`, and
    gives account of it with `settle`.
    """

    def __init__(self, budget: Budget, spent: Spent, *, noted: int = 0, marks: Iterable[str] = ()) -> None:
        self._budget = budget
        self._noted = noted
        self._marks = set(marks)
        self._last_is_taken = LAST_TURN in self._marks
        self._under_way: list[Callable[[], Cost]] = []
        self._fewer = anyio.Event()
        self.spent = spent

    @property
    def is_crowded(self) -> bool:
        """Whether the requests under way could use up what is left: whoever comes now waits for one of them to end."""
        if self.is_spent or not self._under_way:
            return False
        possible = self.spent
        for most in self._under_way:
            tokens, micro_usd = most()
            possible = possible.plus(1, tokens, micro_usd or 0)
        return level(self._budget, possible).percent == 100

    async def wait(self) -> None:
        """Wait until fewer requests are under way."""
        await self._fewer.wait()

    @contextmanager
    def under_way(self, most: Callable[[], Cost]) -> Iterator[None]:
        """Count a request that uses no more than `most()`, as far as it says itself, for the length of the block.

        It is a call because a price takes as long to look up as to pass a request on, and only who comes second asks for it.
        """
        self._under_way.append(most)
        try:
            yield
        finally:
            self._under_way.remove(most)
            fewer, self._fewer = self._fewer, anyio.Event()
            fewer.set()

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left but the last turn, or not even that."""
        return level(self._budget, self.spent).percent == 100

    def take(self) -> Turn | None:
        """Return which turn a request may have: one more when all is spent, then none."""
        if not self.is_spent:
            return "turn"
        if self._last_is_taken:
            return None
        self._last_is_taken = True
        return "last"

    def settle(self, turn: Turn, cost: Cost | None) -> BudgetNote | None:
        """Take account of a turn (None: it was not answered and costs nothing); return what is to be told, once each."""
        if cost is None:
            if turn == "last":
                self._last_is_taken = False
            return None
        self.spent = self.spent.plus(1, cost.tokens, cost.micro_usd or 0)
        reached = level(self._budget, self.spent)
        if reached.percent == 0 or reached.percent <= self._noted:
            return None
        self._noted = reached.percent
        used = in_words(self._budget, self.spent, reached.of)
        return BudgetNote(percent=reached.percent, of=reached.of, text=f"{used} are used.")

    def is_new(self, mark: str) -> bool:
        """Return whether this is the run's first word on something."""
        is_new = mark not in self._marks
        self._marks.add(mark)
        return is_new

    def unsay(self, mark: str) -> None:
        """Take it that a word on something did not get on file."""
        self._marks.discard(mark)

    def why(self) -> str:
        """Return which part is used up, for whoever is refused."""
        return f"this run's budget is used up ({in_words(self._budget, self.spent, level(self._budget, self.spent).of)})"


class RunBudgets:
    """The budgets of the runs whose doors are open here; one is let go when its last door is."""

    def __init__(self) -> None:
        self._of_run: WeakValueDictionary[str, RunBudget] = WeakValueDictionary()

    async def of(self, door: Door) -> RunBudget:
        """Return the budget of a door's run, from the ledger if no other door has it. Raises SQLAlchemyError."""
        if (known := self._of_run.get(door.run_id)) is not None:
            return known
        loaded = await door.read(lambda tx: _load(tx, door))
        return self._of_run.setdefault(door.run_id, loaded)


def _load(tx: Connection, door: Door) -> RunBudget:
    notes = [row.report.percent for row in reports.of_run(tx, door.run_id) if isinstance(row.report, BudgetNote)]
    return RunBudget(
        door.assignment.door.budget, exchanges.spent(tx, door.run_id), noted=max(notes, default=0),
        marks=[name for name, _ in runs.timeline(tx, door.run_id)],
    )
