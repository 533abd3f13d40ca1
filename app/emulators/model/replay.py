"""Replaying a record: a request gets the answer it got then, or is told that it never happened."""

from __future__ import annotations

import json
from typing import Any

from app.emulators.model.answer import SSE, Answer, Miss
from app.emulators.model.call import Call
from app.emulators.model.difference import first_difference
from app.emulators.model.record import Record, RecordedExchange


class Replay:
    """Answers from a record and from nothing else.

    Where the same request was recorded more than once (sent again after an error), its answers come in the order
    they were recorded, and after the last the first again, for the next replay.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._answers: dict[str, list[int]] = {}
        self._times: dict[str, int] = {}
        for number, each in enumerate(record.exchanges):
            self._answers.setdefault(self._name(each.api, each.path, each.request), []).append(number)

    def unplayed(self) -> list[str]:
        """Return the exchanges that nobody has asked for yet."""
        return [
            f"exchange {number}" for name, numbers in self._answers.items()
            for number in numbers[self._times.get(name, 0):]
        ]

    def answer(self, call: Call, models: tuple[str, ...]) -> Answer | Miss:
        """Return the recorded answer of the very same request."""
        del models  # a list of models too is only what was recorded
        name = self._name(call.api, call.path, call.body)
        numbers = self._answers.get(name)
        if numbers is None:
            return Miss(409, self._unknown(call))
        times = self._times[name] = self._times.get(name, 0) + 1
        found = self._record.exchanges[numbers[(times - 1) % len(numbers)]]
        return Answer(found.status, found.content_type, pieces(found))

    def _name(self, api: str, path: str, request: Any) -> str:
        normalised = self._record.normalised(request)
        return f"{api} {path} {json.dumps(normalised, sort_keys=True, ensure_ascii=False)}"

    def _unknown(self, call: Call) -> str:
        said = f"this request to {call.path} is not in the record"
        same = [each for each in self._record.exchanges if (each.api, each.path) == (call.api, call.path)]
        if not same:
            return f"{said}, which holds none to {call.api} {call.path}"
        asked = self._record.normalised(call.body)
        then, matched = self._nearest(same, asked)
        where, diff = first_difference(self._record.normalised(then.request), asked)
        return (
            f"{said}: its first {matched} messages are those of exchange {self._record.exchanges.index(then)}, and it "
            f"differs first at {where}:\n{diff}"
        )

    def _nearest(self, candidates: list[RecordedExchange], asked: Any) -> tuple[RecordedExchange, int]:
        """Return the exchange with the longest common start, among equals the one of the same length."""
        said = _said(asked)

        def likeness(each: RecordedExchange) -> tuple[int, int]:
            then = _said(self._record.normalised(each.request))
            common = next((at for at, (a, b) in enumerate(zip(then, said, strict=False)) if a != b),
                          min(len(then), len(said)))
            return common, -abs(len(then) - len(said))

        best = max(candidates, key=likeness)
        return best, likeness(best)[0]


def _said(request: Any) -> list[Any]:
    if not isinstance(request, dict):
        return []
    listed = request.get("messages", request.get("input"))
    return listed if isinstance(listed, list) else [listed]


def pieces(exchange: RecordedExchange) -> tuple[bytes, ...]:
    """Return a recorded answer as it is sent: a stream event by event."""
    data = exchange.response.encode()
    if not exchange.content_type.startswith(SSE.partition(";")[0]):
        return (data,)
    parts = data.split(b"\n\n")
    return tuple(part for part in (*(part + b"\n\n" for part in parts[:-1]), parts[-1]) if part)
