"""What a tool's call does: one report on file, within the run's caps, and a worker woken to tell the thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import anyio
from pydantic import ValidationError
from sqlalchemy import Connection

from app.core.report import LineComment, NothingToReport, ProposedPullRequest, Question, Report, Update
from app.core.words.clean import clean
from app.core.words.redact import redact
from app.core.words.seen import as_seen
from app.execute.gateway.door import Door
from app.execute.gateway.tools.calls import (
    Ask,
    CommentOnLine,
    PostUpdate,
    ProposePullRequest,
    ReportNothingToDo,
    tools_of,
)
from app.ledger import messages, reports, runs
from app.ledger.messages import MessageRow

_POLL_SECONDS = 0.5


class Answer(NamedTuple):
    """What the agent reads."""

    text: str
    is_error: bool = False


class Desk:
    """The tools of one door. `secrets` are those that this process knows: none of them leaves in an agent's words."""

    def __init__(self, door: Door, secrets: tuple[str, ...] = ()) -> None:
        self._door = door
        self._secrets = secrets
        self.tools = tools_of(is_review=door.assignment.door.is_review)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Answer:
        """Carry out one call; whatever the agent sent, it gets an answer that says what to do."""
        tool = self.tools.get(name)
        if tool is None:
            return Answer(f"there is no such tool; there are {', '.join(self.tools)}", is_error=True)
        try:
            asked = tool.takes.model_validate(arguments)
        except ValidationError as error:
            wrong = "; ".join(
                f"`{'.'.join(map(str, each['loc']))[:80]}`: {each['msg']}"
                for each in error.errors(include_input=False, include_url=False)[:5]
            )
            return Answer(f"{name} does not take this: {wrong}", is_error=True)
        if isinstance(asked, Ask):
            return await self._ask(asked, tool.limit)
        report = self._report(asked)
        if report is None:
            return Answer(f"{name} says nothing that a person could see: give it words", is_error=True)
        if await self._file(report, tool.limit) is None:
            return _too_many(name, tool.limit)
        return Answer(_SAID[report.kind])

    async def _ask(self, asked: Ask, limit: int) -> Answer:
        text = self._plain(asked.question)
        if not text:
            return Answer("ask says nothing that a person could see: give it words", is_error=True)
        door = self._door
        # Before the question is on file: until it is answered, the runner hands nobody's words over by another way.
        door.asking += 1
        try:
            asked_at_ms = await self._file(Question(text=text), limit)
            if asked_at_ms is None:
                return _too_many("ask", limit)
            seconds = min(float(asked.wait_seconds), door.assignment.idle_timeout_seconds / 2)
            return await self._answer(asked_at_ms, seconds)
        finally:
            door.asking -= 1

    async def _answer(self, asked_at_ms: int, seconds: float) -> Answer:
        door = self._door

        def look(tx: Connection) -> tuple[bool, bool]:
            return messages.has_answer(tx, door.run_id, asked_at_ms), runs.agent_should_stop(tx, door.run_id)

        deadline = anyio.current_time() + seconds
        while True:
            is_there, stop = await door.read(look)
            if stop:
                return Answer("Somebody has asked for this run to end. Stop here.", is_error=True)
            if is_there:
                found = await self._take(asked_at_ms)
                if found is not None:
                    return Answer(f"{found.author} answers:\n\n{as_seen(found.text)}")
            if anyio.current_time() >= deadline:
                return Answer(_LATER if door.assignment.takes_messages else _ASK_AGAIN)
            await anyio.sleep(_POLL_SECONDS)

    async def _take(self, asked_at_ms: int) -> MessageRow | None:
        # Whole or not at all: an answer that is marked as handed over must reach the agent.
        with anyio.CancelScope(shield=True):
            found = await self._door.write(lambda tx: messages.take_answer(tx, self._door.run_id, asked_at_ms))
        # The thread may say that nobody has seen it.
        self._door.wake()
        return found

    async def _file(self, report: Report, limit: int) -> int | None:
        """Put a report on file and return when; None when the run has said so much of this kind already."""
        door = self._door
        at_ms = await door.write(lambda tx: reports.record_within(tx, door.run_id, door.sandbox_id, report, limit))
        if at_ms is not None:
            door.wake()
        return at_ms

    def _report(self, asked: object) -> Report | None:
        if isinstance(asked, PostUpdate):
            text = self._plain(asked.text)
            return Update(text=text) if text else None
        if isinstance(asked, CommentOnLine):
            text, path = self._plain(asked.text), self._plain(asked.path)
            return LineComment(path=path, line=asked.line, text=text) if text and path else None
        if isinstance(asked, ReportNothingToDo):
            text = self._plain(asked.reason)
            return NothingToReport(text=text) if text else None
        if isinstance(asked, ProposePullRequest):
            title = " ".join(self._plain(asked.title).split())
            return ProposedPullRequest(title=title, body=self._plain(asked.body)) if title else None
        raise TypeError(f"{type(asked).__name__} is no call that is put on file")

    def _plain(self, text: str) -> str:
        # Cleaned first: an invisible character in its middle would hide a secret from the look for it.
        return redact(clean(text), self._secrets).strip()


_SAID = {
    "update": "On file: the thread is told.",
    "proposed_pull_request": "On file: the pull request's title and description are taken from here, if there is one.",
    "line_comment": "On file: it is posted with the review, on its line if the change shows that.",
    "nothing_to_do": "On file. If the workspace holds changes at the end all the same, they become a draft that says so.",
}
_LATER = (
    "No answer yet. Go on with your best judgement; an answer that comes later reaches you as a message."
)
_ASK_AGAIN = (
    "No answer yet. Go on with your best judgement. What is written later does not reach you by itself: to look for it, "
    "ask the very same question again, which counts as the same."
)


def _too_many(name: str, limit: int) -> Answer:
    return Answer(f"this run has used {name} {limit} times, which is all that it may", is_error=True)
