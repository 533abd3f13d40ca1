"""Following a record: a request gets what the record holds next, and is told apart from the one of then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.emulators.model.answer import Answer, Miss
from app.emulators.model.call import Call
from app.emulators.model.difference import first_difference
from app.emulators.model.record import Record, RecordedExchange
from app.emulators.model.replay import pieces


class Follow:
    """Answers each recorded exchange once; what is asked otherwise than then gets the next one all the same.

    `differences` says of each such request where it first differs, a difference that stands in many requests (they
    repeat the conversation) once; each is also told to `report`.
    """

    def __init__(self, record: Record, report: Callable[[str], object] = lambda difference: None) -> None:
        self._record = record
        self._left = list(range(len(record.exchanges)))
        self._seen: set[str] = set()
        self._report = report
        self.differences: list[str] = []

    def unplayed(self) -> list[str]:
        """Return the exchanges that nobody has asked for."""
        return [f"exchange {number}" for number in self._left]

    def answer(self, call: Call, models: tuple[str, ...]) -> Answer | Miss:
        """Return the answer of the same request, else of the next one to the same address."""
        del models  # a list of models too is only what was recorded
        asked = self._record.normalised(call.body)
        same = [number for number in self._left if self._is_to(number, call)]
        if not same:
            self._differs(f"a request to {call.path} that was not made then", "")
            return Miss(409, f"the record holds no further request to {call.path}")
        number = next((each for each in same if self._then(each) == asked), None)
        if number is None:
            number = same[0]
            where, diff = first_difference(self._then(number), asked)
            self._differs(f"exchange {number} was asked otherwise, first at {where}", diff)
        self._left.remove(number)
        found = self._record.exchanges[number]
        return Answer(found.status, found.content_type, pieces(found))

    def _is_to(self, number: int, call: Call) -> bool:
        found = self._exchange(number)
        return (found.api, found.path) == (call.api, call.path)

    def _exchange(self, number: int) -> RecordedExchange:
        return self._record.exchanges[number]

    def _then(self, number: int) -> Any:
        return self._record.normalised(self._exchange(number).request)

    def _differs(self, what: str, diff: str) -> None:
        if diff and diff in self._seen:
            return
        self._seen.add(diff)
        self.differences.append(f"{what}:\n{diff}" if diff else what)
        self._report(self.differences[-1])
