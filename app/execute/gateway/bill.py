"""One request's account with its run's budget: settled once, then put on record with what is to be told of it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from app.core.report import BudgetNote
from app.core.step import Step
from app.execute.gateway.door import Door
from app.execute.gateway.price import cost_micro_usd
from app.execute.gateway.recorder import Recording
from app.execute.gateway.run_budget import LAST_TURN, Cost, RunBudget, Turn
from app.ledger import reports, runs, steps

PRICE_UNKNOWN = "price-unknown"
FALLBACK = "fallback"

_WRAP_UP = (
    "This run's budget is used up: {used} You have one more answer: finish now. Leave the files as they should be handed over, and say what is done "
    "and what is not. After that answer no model is asked any more."
)


class Bill:
    """`turn` is what the budget gave the request, None for one that has no model speak."""

    def __init__(self, door: Door, budget: RunBudget, turn: Turn | None, terms: Mapping[str, str]) -> None:
        self._door = door
        self._budget = budget
        self._turn = turn
        self._terms = terms
        self._is_settled = False
        self._cost_micro_usd: int | None = None
        self._is_counted = False
        self._steps: list[tuple[str, str]] = []
        self.note: BudgetNote | None = None
        self.is_on_record = False

    def settle(self, recording: Recording) -> None:
        """Take account of what was used, once; what is used up now, the agent is told."""
        if self._is_settled or self._turn is None:
            return
        self._is_settled = True
        tokens = recording.tokens()
        cost = None
        if recording.is_turn and tokens is not None and recording.model is not None:
            prices = self._door.assignment.door.budget.prices
            self._cost_micro_usd = cost_micro_usd(recording.model, tokens, prices, self._terms)
            self._is_counted = True
            cost = Cost(tokens.input + tokens.output, self._cost_micro_usd)
            if self._cost_micro_usd is None:
                self.say_once(PRICE_UNKNOWN, f"The price of {recording.model} is not known, so the budget in dollars does "
                              "not hold for it; those in tokens and turns do. `budget: prices:` of the profile can say it.")
        self.note = self._budget.settle(self._turn, cost)
        if self.note is not None and self.note.percent == 100 and self._door.assignment.takes_messages:
            self._door.mail.say(_WRAP_UP.format(used=self.note.text))

    async def tell(self) -> None:
        """Wait until the agent can have heard that it has one turn left."""
        if self.note is not None and self.note.percent == 100 and self._door.assignment.takes_messages:
            await self._door.mail.until_heard()

    def say_once(self, mark: str, text: str) -> None:
        """Put `text` into the transcript, if nothing was said of `mark` in this run."""
        if self._budget.is_new(mark):
            self._steps.append((mark, text))

    def write(self, tx: Connection, recording: Recording, credential_id: str) -> None:
        """Put the exchange and all that follows from it on record."""
        door = self._door
        recording.write(tx, run_id=door.run_id, sandbox_id=door.sandbox_id, credential_id=credential_id,
                        cost_micro_usd=self._cost_micro_usd)
        if self._turn == "last" and self._is_counted:
            runs.mark(tx, door.run_id, LAST_TURN)
        if self.note is not None:
            reports.record(tx, door.run_id, door.sandbox_id, self.note)
        for mark, text in self._steps:
            runs.mark(tx, door.run_id, mark)
            steps.append(tx, door.run_id, door.sandbox_id, [Step(kind="log", text=text, data={"stream": "gateway"})])
