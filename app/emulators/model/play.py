"""Playing a script: which turn a request gets, and whether it is the request that the script expects."""

from __future__ import annotations

import hashlib
import json
import re
import time

from app.emulators.model.answer import SILENCE, Answer, Miss, document, stream
from app.emulators.model.call import Call
from app.emulators.model.conversation import Place, locate
from app.emulators.model.forms import chat, gemini, messages, responses
from app.emulators.model.forms.problems import problem
from app.emulators.model.reply import Reply, ReplyCall
from app.emulators.model.script import Fault, Script, Turn
from app.emulators.model.shape import complaint

_BYTES_PER_TOKEN = 4
_NOWHERE = Place("", "", "", 0, frozenset())


class Player:
    """Answers each request by its own place in its own conversation, so that many may go on at once.

    Only the faults are counted: per conversation (two with the same words are one) and turn.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self._asked: dict[tuple[str, str, int], int] = {}
        self._played: set[tuple[int, int]] = set()

    def unplayed(self) -> list[str]:
        """Return the turns that nobody has got yet."""
        return [
            f"conversation {number}, turn {turn}" for number, conversation in enumerate(self._script.conversations)
            for turn in range(len(conversation.turns)) if (number, turn) not in self._played
        ]

    def answer(self, call: Call, models: tuple[str, ...]) -> Answer | Miss:
        """Return the turn in the form that was asked for; what counts no turn is answered from the request alone."""
        if call.form == "models":
            form = {"anthropic": messages, "openai": chat, "gemini": gemini}[call.api]
            return document(form.models(models))
        wrong = complaint(call)
        if wrong:
            return problem(call.api, 400, wrong.message, _id(_NOWHERE, None), code=wrong.code)
        if call.form == "count_tokens":
            return document({"totalTokens" if call.api == "gemini" else "input_tokens": _estimate(call.size)})
        place = locate(call.form, call.body)
        number = self._conversation(place)
        if number is None:
            return Miss(500, f"no conversation of the script fits this one, which opens with: {place.opening[:200]!r}")
        return self._turn(call, place, number)

    def _turn(self, call: Call, place: Place, number: int) -> Answer | Miss:
        turns = self._script.conversations[number].turns
        where = f"conversation {number}, turn {place.turn}"
        if place.turn >= len(turns):
            return Miss(500, f"the script has run out: {where} was asked for, and there are {len(turns)} turns")
        turn = turns[place.turn]
        wrong = _unexpected(turn, place)
        return Miss(500, f"{where}: {wrong}") if wrong else self._give(call, place, turn, number)

    def _conversation(self, place: Place) -> int | None:
        for number, each in enumerate(self._script.conversations):
            if re.search(each.when, place.opening, re.MULTILINE) and re.search(each.system, place.system, re.MULTILINE):
                return number
        return None

    def _give(self, call: Call, place: Place, turn: Turn, number: int) -> Answer:
        # The form too: two APIs may be asked the same.
        asked = (f"{call.form} {place.key}", call.model, place.turn)
        times = self._asked[asked] = self._asked.get(asked, 0) + 1
        fault = _fault(turn.faults, times)
        if fault and fault.hang:
            return SILENCE
        if fault and fault.status:
            retry = fault.retry_after_seconds
            headers = () if retry is None else (("retry-after", str(retry)),)
            message = f"the script answers {fault.status} here, time {times}"
            return problem(call.api, fault.status, message, _id(place, times), headers)
        whole = _render(call, _reply(call, place, turn))._replace(drip_seconds=turn.drip_seconds)
        if fault and fault.drop_after_events is not None:
            return whole.cut("drop", fault.drop_after_events)
        if fault and fault.hang_after_events is not None:
            return whole.cut("hang", fault.hang_after_events)
        self._played.add((number, place.turn))
        return whole


def _unexpected(turn: Turn, place: Place) -> str | None:
    for pattern in turn.expect:
        if not re.search(pattern, place.latest, re.MULTILINE):
            return f"expected {pattern!r} in what came since the last turn, which is: {place.latest[-1000:]!r}"
    missing = [tool.name for tool in turn.tools if tool.name not in place.tools]
    if missing:
        offered = ", ".join(sorted(place.tools)) or "none"
        return f"the script calls {', '.join(missing)}, which the request does not offer (it offers {offered})"
    return None


def _fault(faults: tuple[Fault, ...], times: int) -> Fault | None:
    """Return the fault that the `times`-th request for a turn has; None once they are over."""
    for fault in faults:
        if fault.times == "always" or times <= fault.times:
            return fault
        times -= fault.times
    return None


def _reply(call: Call, place: Place, turn: Turn) -> Reply:
    calls = tuple(
        ReplyCall(_id(place, number), tool.name, json.dumps(tool.arguments, ensure_ascii=False))
        for number, tool in enumerate(turn.tools)
    )
    said = len(turn.text.encode()) + sum(len(each.name) + len(each.arguments.encode()) for each in calls)
    usage = turn.usage
    return Reply(
        id=_id(place, None), model=call.model, text=turn.text, calls=calls,
        input_tokens=usage.input_tokens if usage else _estimate(call.size),
        cached_input_tokens=usage.cached_input_tokens if usage else 0,
        output_tokens=usage.output_tokens if usage else _estimate(said),
        created=int(time.time()),
    )


def _render(call: Call, reply: Reply) -> Answer:
    if call.form == "responses":
        given = responses.events(reply, call.body) if call.streams else None
        return stream(given) if given else document(responses.document(reply, call.body))
    if call.form == "generate":
        return stream(gemini.events(reply)) if call.streams else document(gemini.document(reply))
    if call.form == "chat":
        options = call.body.get("stream_options")
        include_usage = isinstance(options, dict) and options.get("include_usage") is True
        if call.streams:
            return stream(chat.events(reply, include_usage=include_usage))
        return document(chat.document(reply))
    return stream(messages.events(reply)) if call.streams else document(messages.document(reply))


def _id(place: Place, number: int | None) -> str:
    # Ids repeat from one run to the next, so that what a client sends back can be compared.
    return hashlib.sha256(f"{place.key} {place.turn} {number}".encode()).hexdigest()[:24]


def _estimate(size_bytes: int) -> int:
    return max(1, size_bytes // _BYTES_PER_TOKEN)
