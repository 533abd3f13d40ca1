"""What reaches the thread from inside a run while it works: the agent's words through its tools, and the gateway's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from app.core.noun import Noun


class Update(Noun):
    """The agent says how far it is."""

    kind: Literal["update"] = "update"
    text: str


class Question(Noun):
    """The agent asks the person who rang."""

    kind: Literal["question"] = "question"
    text: str


class ProposedPullRequest(Noun):
    """How the agent would title and describe its change; the last one counts, and the publisher decides."""

    kind: Literal["proposed_pull_request"] = "proposed_pull_request"
    title: str
    body: str


class LineComment(Noun):
    """What the agent says on one line of the change that it reviews."""

    kind: Literal["line_comment"] = "line_comment"
    path: str
    line: int
    text: str


class NothingToReport(Noun):
    """The agent says that there is nothing to change, and why."""

    kind: Literal["nothing_to_do"] = "nothing_to_do"
    text: str


class BudgetNote(Noun):
    """The gateway says that a part of the run's budget is used up; `percent` is 80 or 100, `of` names what."""

    kind: Literal["budget"] = "budget"
    percent: Literal[80, 100]
    of: Literal["usd", "tokens", "turns"]
    text: str


Report = Annotated[
    Update | Question | ProposedPullRequest | LineComment | NothingToReport | BudgetNote, Field(discriminator="kind")
]
REPORT: TypeAdapter[Report] = TypeAdapter(Report)


class Reported(Noun):
    """What a run's reports say of its result: the title and body it is proposed with, or why there is nothing to do.

    `budget` is the gateway's word that the whole of it was used up, after which an agent has one more answer.
    """

    title: str = ""
    body: str = ""
    nothing: str = ""
    budget: str = ""


def reported(reports: Iterable[Report]) -> Reported:
    """Return what counts of a run's reports: the last proposal, and that there is nothing to do unless one came later."""
    found = Reported()
    for report in reports:
        if isinstance(report, ProposedPullRequest):
            found = Reported(title=report.title, body=report.body, budget=found.budget)
        elif isinstance(report, NothingToReport):
            found = found.model_copy(update={"nothing": report.text})
        elif isinstance(report, BudgetNote) and report.percent == 100:
            found = found.model_copy(update={"budget": report.text})
    return found
