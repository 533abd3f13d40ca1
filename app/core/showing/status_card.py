"""What a conversation at a chat or planning service shows of a run: one card that is edited as it goes, one for each question; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from app.core.card import Button, Card, CardState, Link
from app.core.noun import Noun
from app.core.outcome import Held, Outcome, PullRequest
from app.core.run import Run

# The beginning of what an approval counts for, which is what it has to name.
NAMED_CHARACTERS = 12
# Long words go to the run's page; each service cuts for itself besides.
BODY_LIMIT_CHARACTERS = 12_000


class Told(Noun):
    """What is known of a run beside itself, in plain words without secrets.

    `stage` says what is being done or where it waits, `facts` are short (elapsed, cost, last step), `updates` the agent's own, `notes` Bellhop's,
    `approval` how its result comes to be approved; `hold` is how that stands (empty: nothing waits). `page` is the run's page.
    """

    stage: str
    facts: tuple[str, ...] = ()
    updates: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    approval: str = ""
    hold: str = ""
    page: str = ""
    plan: tuple[tuple[str, bool], ...] = ()


def status_card(run: Run, told: Told, *, thread: str, handle: str) -> Card:
    """Return the one card of a run in a thread, as it should stand now; the words in it are not made inert."""
    outcome = run.outcome if run.state == "done" else None
    body = _body(outcome, told) if outcome is not None else "\n".join(f"- {each}" for each in told.updates)
    links = ([Link(label=f"Pull request #{outcome.number}", url=outcome.url)] if isinstance(outcome, PullRequest) else [])
    if outcome is not None and outcome.kind == "review":
        links.append(Link(label="Review", url=outcome.url))
    if told.page:
        links.append(Link(label="Transcript", url=told.page))
    return Card(
        key=run.id, kind="status", thread=thread, handle=handle, state=_state(run, outcome, told.hold),
        headline=_headline(run, outcome, told), body="\n\n".join(each for each in (body, *told.notes) if each)[:BODY_LIMIT_CHARACTERS],
        facts=told.facts, plan=told.plan, links=tuple(links), buttons=_buttons(run, outcome, told.hold),
    )


def question_card(run: Run, number: int, text: str, standing: Literal["open", "answered", "over"], *, thread: str, handle: str) -> Card:
    """Return the card of one question of the agent's: what is written below it, by somebody who may ring, is the answer."""
    headline = {"open": "The agent asks", "answered": "The agent asked, and was answered", "over": "The agent asked, and the run is over"}[standing]
    return Card(
        key=f"{run.id}-q{number}", kind="question", thread=thread, handle=handle, state="waiting" if standing == "open" else "done",
        headline=headline, body=text[:BODY_LIMIT_CHARACTERS],
    )


def answer_card(run: Run, text: str, *, thread: str, handle: str) -> Card:
    """Return the card that answers what people ask about a run."""
    return Card(key=f"{run.id}-answer", kind="notice", thread=thread, handle=handle, headline=f"Run {run.id}", body=text[:BODY_LIMIT_CHARACTERS])


def _state(run: Run, outcome: Outcome | None, hold: str) -> CardState:
    if outcome is None:
        return "waiting" if run.state == "queued" else "working"
    if outcome.kind == "held":
        return {"open": "held", "approved": "done"}.get(hold, "refused")  # type: ignore[return-value]  # each of them is a state
    return outcome.kind if outcome.kind in ("failed", "refused") else "done"


def _headline(run: Run, outcome: Outcome | None, told: Told) -> str:
    if outcome is None:
        ending = ", and it is to end" if run.cancel_requested or run.stopped_by else ""
        return f"{run.profile.name} in {run.event.repo.full_name}: {told.stage}{ending}"
    return {
        "pull_request": "Draft pull request" if isinstance(outcome, PullRequest) and outcome.draft else "Pull request",
        "message": "Answered", "review": "Reviewed", "nothing_to_do": "Nothing to do", "failed": "That did not work",
        "refused": "Stopped" if getattr(outcome, "reason", "") == "cancelled" else "Not done",
        "held": {"open": "Waits for an approval", "approved": "Approved, and goes on", "rejected": "Rejected"}.get(told.hold, "Its time is over"),
    }[outcome.kind] + f" ({run.profile.name} in {run.event.repo.full_name})"


def _body(outcome: Outcome, told: Told) -> str:
    if isinstance(outcome, PullRequest):
        verify = outcome.verify
        checked = "not verified: the profile names no `verify` command" if verify is None else f"`{verify.command}` {'passed' if verify.passed else 'failed'} in a fresh sandbox"
        said = [f"{outcome.title}", f"Verified: {checked}." if verify is not None else f"{checked[0].upper()}{checked[1:]}."]
        return "\n\n".join([*said, *_look_first(outcome.warnings), *([outcome.merging] if outcome.merging else [])])
    if isinstance(outcome, Held):
        what = "This is the plan. Nothing has been changed." if outcome.what == "plan" else "Nothing was published yet."
        return "\n\n".join(each for each in (what, told.approval, outcome.title, outcome.text, outcome.patch, *_look_first(outcome.warnings)) if each)
    return outcome.text


def _look_first(warnings: Sequence[str]) -> list[str]:
    return ["Look at these first:\n" + "\n".join(f"- {each}" for each in warnings[:20])] if warnings else []


def _buttons(run: Run, outcome: Outcome | None, hold: str) -> tuple[Button, ...]:
    """Return what can be pressed: only what would do something."""
    if outcome is None:
        return () if run.cancel_requested or run.stopped_by else (Button(name="stop", label="Stop", is_danger=True),)
    if isinstance(outcome, Held) and hold == "open":
        named = outcome.binds[:NAMED_CHARACTERS]
        return Button(name="approve", label="Approve", value=named), Button(name="reject", label="Reject", value=named, is_danger=True)
    if outcome.kind in ("failed", "refused") or run.stopped_by:
        return (Button(name="retry", label="Try again"),)
    return ()
