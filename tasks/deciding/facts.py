"""What the ledger knows of an event's thread, as the facts of a decision on it."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection

from app.core.decide import BUTTONS, Facts
from app.core.event import Event
from app.core.outcome import PullRequest
from app.core.run import Run
from app.ledger import runs
from tasks.deciding.circles import loop_of
from tasks.deciding.control import what_it_takes


class Known(NamedTuple):
    """The facts, beside the runs that they come from: the live one, and those of the case that are over, newest first."""

    facts: Facts
    live: Run | None
    over: list[Run]

    @property
    def about(self) -> Run | None:
        """The run that words about a run are about: the live one, else the newest that is over."""
        return self.live or next(iter(self.over), None)


def known_of(tx: Connection, event: Event, bot_login: str) -> Known:
    """Return what is known before anybody is asked."""
    live = runs.live_in_thread(tx, event.thread)
    over = over_in(tx, event) if event.is_comment or event.button in BUTTONS else []
    if live is not None:
        facts = Facts(
            bot_login=bot_login, live_run_id=live.id, live_permission=live.profile.who.permission, live_apps=live.profile.who.apps,
        )
    else:
        facts = Facts(bot_login=bot_login, loop=loop_of(tx, event, bot_login))
    if live is None and over:
        is_own = any(isinstance(run.outcome, PullRequest) and run.outcome.number == event.number for run in over)
        facts = facts.model_copy(update={"is_own_pull": is_own, "earlier_profile": over[0].profile.name})
    known = Known(facts, live, over)
    return known if known.about is None else known._replace(facts=facts.model_copy(update=what_it_takes(known.about)))


def over_in(tx: Connection, event: Event) -> list[Run]:
    """Return the runs of the event's case that are over, newest first."""
    return [run for run in runs.over_in_thread(tx, event.thread) if run.event.repo.id == event.repo.id]


def replaced(known: Known, event: Event) -> str:
    """Return why the live run has nothing to do with the event, in words, or an empty string.

    A thread goes by its repository's name, and whoever has taken that over says nothing to the run of the one before.
    """
    live = known.live
    if live is None or live.event.repo.id == event.repo.id:
        return ""
    return f"run {live.id} is of the repository {live.event.repo.id}, which had this name before {event.repo.id}"
