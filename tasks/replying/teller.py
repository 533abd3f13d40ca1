"""Whoever brings about what is to be said, as soon as it may be: a thread of its own, because GitHub has writes wait for each other."""

from __future__ import annotations

import threading

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.core.event import Repo
from app.ledger import outbox, runs
from tasks.parts import Parts
from tasks.replying.bringing import act_of, is_spare
from tasks.replying.cards import card_wait_seconds, is_card
from tasks.replying.loose_cards import show_cards
from tasks.replying.notices import deliver_notices
from tasks.replying.offers import tell_offers
from tasks.replying.replies import deliver

log = structlog.get_logger()

# Also how long something waits at most that is due, and that nobody has told anybody of.
EVERY_SECONDS = 0.5
MOST_AT_ONCE = 1000
# What waits for longer than this is put off as a whole: looked at first each time, it would hide what others may be told.
LONG_SECONDS = 10.0


class Teller:
    """Delivers what is due, each as soon as its installation may be written to; the sweep finds what it leaves."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell_forever, name="teller", daemon=True)
        self._repositories: dict[str, Repo] = {}

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking; what is being said is said to its end, for five seconds at most."""
        self._over.set()
        self._thread.join(timeout=5)

    def _tell_forever(self) -> None:
        wait_seconds = EVERY_SECONDS
        while not self._over.wait(wait_seconds):
            try:
                wait_seconds = self.look()
                deliver_notices(self._parts)
                tell_offers(self._parts, "")
            except SQLAlchemyError as error:
                log.warning("ledger_down", error=type(error).__name__)
            except Exception:  # whatever one of them breaks, the others are still to be said
                log.exception("teller_crashed")

    def look(self) -> float:
        """Show the cards of no run, then deliver as `tell` does: somebody waits for what those ask, and can read what a run's card said before."""
        show_cards(self._parts)
        return self.tell()

    def tell(self) -> float:
        """Deliver what may be delivered now, and return when to look again: first words before changed ones, ends before what is under way, and spare ones last."""
        with self._parts.database.read() as tx:
            due = outbox.due(tx, MOST_AT_ONCE)
            unmade, over = outbox.unmade(tx, {run_id for run_id, _ in due}), runs.over_among(tx, {run_id for run_id, _ in due})
        again_seconds, blocked, later = EVERY_SECONDS, dict[object, float](), list[tuple[str, str, float]]()
        for run_id, kind in sorted(due, key=lambda each: (is_spare(each[1]), each not in unmade, each[0] not in over)):
            if is_card(kind):
                # What GitHub's limits have nothing to do with, and a channel's have.
                if (wait_seconds := card_wait_seconds(self._parts, run_id, kind)) > 0:
                    again_seconds = min(again_seconds, wait_seconds)
                    if wait_seconds > LONG_SECONDS:
                        later.append((run_id, kind, wait_seconds))
                else:
                    deliver(self._parts, run_id, kind)
                continue
            repo = self._repository(run_id)
            who = None if repo is None else (repo.installation_id or repo.owner, act_of(kind))
            if repo is None or self._over.is_set():
                continue
            if who not in blocked and (wait_seconds := self._parts.wait_seconds(repo, act_of(kind))) > 0:
                blocked[who] = wait_seconds
                again_seconds = min(again_seconds, wait_seconds)
            if who not in blocked:
                deliver(self._parts, run_id, kind)
            elif blocked[who] > LONG_SECONDS:
                later.append((run_id, kind, blocked[who]))
        if later:
            with self._parts.database.begin() as tx:
                for run_id, kind, seconds in later:
                    outbox.put_off(tx, run_id, kind, seconds)
        return max(0.02, again_seconds)

    def _repository(self, run_id: str) -> Repo | None:
        if len(self._repositories) > MOST_AT_ONCE * 4:
            self._repositories.clear()
        if run_id not in self._repositories:
            with self._parts.database.read() as tx:
                run = runs.load(tx, run_id)
            if run is None:
                return None
            self._repositories[run_id] = run.event.repo
        return self._repositories[run_id]
