"""What a run says while it works: a part of its one comment, and the few comments of their own that notify people.

An edited comment notifies nobody at GitHub, so a question, and the first word that the budget runs low, is a new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from app.core.noun import Noun
from app.core.report import BudgetNote, Question, Report, Update
from app.core.run import Run, comment_marker
from app.publish.describe import run_url
from app.publish.inert import Inert, line
from app.publish.templates import render

UPDATES_SHOWN = 3

Standing = Literal["open", "answered", "over"]


class Filed(NamedTuple):
    """One report as the thread sees it; times are milliseconds since 1970."""

    id: int
    at_ms: int
    report: Report


class Told(Noun):
    """What the run's one comment says of its reports: the last updates, the open question, the words on its budget."""

    updates: tuple[str, ...] = ()
    question: str = ""
    notes: tuple[str, ...] = ()


class Aside(NamedTuple):
    """One comment of its own; `kind` names it in the outbox."""

    kind: str
    body: str


def told(filed: Sequence[Filed], last_word_at_ms: int | None) -> Told:
    """Return what to say of these reports; a question is open while nobody has written since."""
    questions = [each for each in filed if isinstance(each.report, Question)]
    is_open = bool(questions) and (last_word_at_ms is None or last_word_at_ms < questions[-1].at_ms)
    return Told(
        updates=tuple(each.report.text for each in filed if isinstance(each.report, Update))[-UPDATES_SHOWN:],
        question=getattr(questions[-1].report, "text", "") if is_open else "",
        notes=tuple(each.report.text for each in filed if isinstance(each.report, BudgetNote)),
    )


def asides(
    run: Run, filed: Sequence[Filed], last_word_at_ms: int | None, *, bot_login: str, settings_url: str, templates_dir: Path
) -> list[Aside]:
    """Return the comments of their own, as they should stand now. Raises ProfileError (the template)."""

    def said(each: Filed, kind: str, name: str, **values: object) -> Aside:
        body = render(
            templates_dir, name, run=run, text=getattr(each.report, "text", ""), run_url=run_url(settings_url, run.id),
            bot=Inert(line(bot_login.removesuffix("[bot]"))), **values,
        )
        return Aside(f"{kind}-{each.id}", f"{body.strip()}\n\n{comment_marker(run.id, f'{kind}-{each.id}')}\n")

    made = []
    for each in filed:
        if isinstance(each.report, Question):
            standing = standing_of(run, each, last_word_at_ms)
            made.append(said(each, "question", "replies/question.md.j2", standing=Inert(standing)))
    note = next((each for each in filed if isinstance(each.report, BudgetNote)), None)
    if note is not None:
        made.append(said(note, "budget", "replies/budget.md.j2"))
    return made


def standing_of(run: Run, question: Filed, last_word_at_ms: int | None) -> Standing:
    """Return how a question stands: open while nobody has written since."""
    if last_word_at_ms is not None and last_word_at_ms >= question.at_ms:
        return "answered"
    return "over" if run.state == "done" else "open"
