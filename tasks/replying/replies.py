"""Bringing the thread's comments to what the outbox says they should be."""

from __future__ import annotations

import logging
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from app.core.line.budget import cost_in_words
from app.core.run import COMMENT, Run, RunState, comment_marker
from app.core.sandbox.denied import Denied
from app.core.showing.progress import progress_in_words, shown_minutes
from app.errors import BellhopError, Paced, ProfileError
from app.ledger import (
    acknowledged,
    audit,
    exchanges,
    line,
    messages,
    outbox,
    remarks,
    reports,
    runs,
    sandboxes,
    tickets,
)
from app.ledger.database import clock_ms
from app.ledger.outbox import Reply
from app.publish.asides import Filed, Told, asides, told
from app.publish.describe import TEMPLATES_DIR, render_comment
from app.publish.inert import words
from tasks.parts import Parts
from tasks.replying.answers import how_to_approve
from tasks.replying.bringing import act_of, bring_about, grant_of, is_spare
from tasks.replying.cards import card_wait_seconds, is_card, is_first_card, postpone, say_cards, show_card
from tasks.replying.checks import say_checks
from tasks.replying.home import open_home, place_of
from tasks.replying.waiting import backoff_seconds

log = structlog.get_logger()

# Longer than making a comment can take, so that no two workers make one. Two that edit the same do no harm, and a
# worker that dies while editing must not keep the outcome waiting for long.
CREATE_HOLD_SECONDS = 120.0
EDIT_HOLD_SECONDS = 30.0

# With the pauses between them, about sixteen hours for what may mend itself, and a few minutes for what will not.
MAX_ATTEMPTS = 100
MAX_HOPELESS_ATTEMPTS = 5


class Beside(NamedTuple):
    """What a comment says beside where the run stands: its place in the line, how far it is, how its result comes to be approved, remarks."""

    waits: str
    progress: str
    approval: str
    remarks: tuple[str, ...]


def say(tx: Connection, parts: Parts, run: Run, *, state: RunState | None = None) -> None:
    """Put what the run's comment should say now; `state` stands in for one that is just being written."""
    shown = run if state is None else run.model_copy(update={"state": state})
    comment = _comment(tx, parts, shown)
    outbox.put(tx, run.id, COMMENT, comment)
    _say_asides(tx, parts, shown)
    say_checks(tx, parts, shown, comment)
    say_cards(tx, parts, shown)


def tell(parts: Parts, run_id: str) -> None:
    """Put what a live run's reports and its progress have brought for its thread, if anything is news; safe to repeat."""
    with parts.database.begin() as tx:
        # Held still: an outcome that is being written meanwhile must not be overwritten by an older word.
        run = runs.load_still(tx, run_id)
        if run is None or run.state == "done" or outbox.load(tx, run_id, COMMENT) is None:
            return
        if not reports.of_run(tx, run_id) and not _progress(tx, run):
            return
        comment = _comment(tx, parts, run)
        if outbox.put_news(tx, run.id, COMMENT, comment):
            say_checks(tx, parts, run, comment)
        _say_asides(tx, parts, run)
        say_cards(tx, parts, run)


def _comment(tx: Connection, parts: Parts, run: Run) -> str:
    listens = takes_comments(tx, run.id)
    # While an agent that listens is at work, what it has not been handed yet, it will be.
    unread = messages.unhanded(tx, run.id) if run.state == "done" or not listens else []
    authors = tuple(message.author for message in unread)
    so_far = told(_filed(tx, parts, run.id), messages.newest_at_ms(tx, run.id))
    place = line.place_of(tx, run, parts.caps)
    if place is not None:
        tickets.tell(tx, run.id, place.words)
    beside = Beside(
        waits=place.words if place is not None else "", progress=_progress(tx, run),
        approval=how_to_approve(tx, run, parts.settings.bot_login), remarks=remarks.of_run(tx, run.id),
    )
    return parts.redacted(_text(parts, run, authors, so_far, denied_of(tx, parts, run.id), beside, listens=listens))


def _progress(tx: Connection, run: Run) -> str:
    """Return how far a run under way is, as of the last moment at which that is said."""
    minutes = shown_minutes(clock_ms(tx) - run.created_at_ms) if run.state not in ("queued", "done") else 0
    used = exchanges.usage(tx, run.id, until_ms=run.created_at_ms + minutes * 60_000)
    return progress_in_words(minutes, used.turns, cost_in_words(used.cost_micro_usd, used.turns, used.unpriced))


def denied_of(tx: Connection, parts: Parts, run_id: str) -> list[Denied]:
    """Return what the run's sandboxes were denied, without the secrets that this process knows."""
    return [each.model_copy(update={"target": parts.redacted_words(each.target)}) for each in audit.denied(tx, run_id)]


def _say_asides(tx: Connection, parts: Parts, run: Run) -> None:
    filed, last_word_at_ms = _filed(tx, parts, run.id), messages.newest_at_ms(tx, run.id)
    for templates_dir in (parts.settings.templates_dir, TEMPLATES_DIR):
        try:
            made = asides(
                run, filed, last_word_at_ms, bot_login=parts.settings.bot_login, settings_url=parts.settings.link_url,
                templates_dir=templates_dir,
            )
        except ProfileError as error:
            # A team's own templates may be older than these: what was asked must reach people all the same.
            log.error("aside_template_broken", run_id=run.id, error=str(error))
            continue
        for each in made:
            outbox.put_news(tx, run.id, each.kind, parts.redacted(each.body))
        return


def _filed(tx: Connection, parts: Parts, run_id: str) -> list[Filed]:
    # Before it is rendered: what makes words inert would hide a secret in them from who looks later.
    return [
        Filed(row.id, row.at_ms, row.report.model_copy(
            update={name: parts.redacted_words(value) for name, value in row.report if isinstance(value, str) and name == "text"}
        ))
        for row in reports.of_run(tx, run_id)
    ]


def takes_comments(tx: Connection, run_id: str) -> bool:
    """Return whether the run's agent takes follow-ups, as far as is known: True before its sandbox is on file."""
    return all(row.assignment.takes_messages for row in sandboxes.of_run(tx, run_id) if row.role == "work")


def _text(
    parts: Parts, run: Run, unread: tuple[str, ...], so_far: Told, denied: list[Denied], beside: Beside, *, listens: bool
) -> str:
    try:
        return render_comment(
            run, settings_url=parts.settings.link_url, templates_dir=parts.settings.templates_dir, unread=unread,
            takes_comments=listens, bot_login=parts.settings.bot_login, updates=so_far.updates, question=so_far.question,
            notes=so_far.notes, denied=denied, **beside._asdict(),
        )
    except ProfileError as error:
        # The person is owed a line, whatever the team's own template does.
        log.error("comment_template_broken", run_id=run.id, error=str(error))
        outcome = run.outcome
        if outcome is None:
            said = "Bellhop is on it."
        elif outcome.kind == "pull_request":
            said = f"Pull request: {outcome.url}"
        else:
            said = f"Ended as {outcome.kind.replace('_', ' ')}: {words(outcome.text)}"
        return f"{said}\n\n(The template of this comment is broken; the operator's log says how.)\n\n{comment_marker(run.id)}\n"


def deliver_all(parts: Parts, run_id: str) -> None:
    """Deliver each of the run's replies; what fails is due again later."""
    with parts.database.read() as tx:
        kinds = outbox.undelivered(tx, run_id)
    # What people read comes first.
    for kind in sorted(kinds, key=lambda kind: (is_spare(kind), kind)):
        deliver(parts, run_id, kind)


def deliver(parts: Parts, run_id: str, kind: str = COMMENT) -> None:
    """Deliver one reply until the service holds its newest version; what fails is due again later."""
    with structlog.contextvars.bound_contextvars(run_id=run_id):
        while True:
            with parts.database.read() as tx:
                run = runs.load(tx, run_id)
            # What has to wait is due as it was: who looks after that (tasks/replying/teller.py) need not be asked to.
            if run is None or (card_wait_seconds(parts, run_id, kind) if is_card(kind) else parts.wait_seconds(run.event.repo, act_of(kind))) > 0:
                return
            with parts.database.begin() as tx:
                known = outbox.load(tx, run_id, kind)
                is_made = known is not None and bool(known.url)
                reply = outbox.hold(tx, run_id, kind, EDIT_HOLD_SECONDS if is_made else CREATE_HOLD_SECONDS)
            if reply is None or not _deliver(parts, run, reply):
                return


def _deliver(parts: Parts, run: Run, reply: Reply) -> bool:
    """Deliver one version; False when there is nothing more to do here now."""
    url = ""
    try:
        with parts.database.read() as tx:
            is_of_forge = not is_card(reply.kind)
            event = (run.event if is_spare(reply.kind) else place_of(tx, run, reply)) if is_of_forge else None
            if not is_of_forge and not outbox.still_held(tx, reply):
                return False
        if not is_of_forge:
            url = show_card(parts, run, reply)
        if event is not None:
            with parts.credential(grant_of(event, reply.kind), run_id=run.id) as credential:
                with parts.database.read() as tx:
                    if not outbox.still_held(tx, reply):
                        return False
                if event.number is None and not is_spare(reply.kind):
                    event = open_home(parts, credential, run)
                url = bring_about(parts.service(event), credential, event, reply)
    except Paced as error:
        with parts.database.begin() as tx:
            outbox.wait(tx, reply.run_id, reply.kind, error.retry_after_seconds or 1.0)
        return False
    except BellhopError as error:
        if is_card(reply.kind) and error.retry_after_seconds is not None:
            postpone(parts, reply, backoff_seconds(reply.attempts + 1, error.retry_after_seconds, is_stated=error.is_wait_stated))
        _failed(parts, reply, error, str(error), retryable=error.retryable)
        return False
    except Exception as error:  # one reply that breaks our own code must not keep the others from being delivered
        log.exception("reply_crashed")
        _failed(parts, reply, error, type(error).__name__, retryable=False)
        return False
    with parts.database.begin() as tx:
        outbox.delivered(tx, run.id, reply.kind, reply.version, url)
        # Where there was no thread to answer in, nobody waited for an answer.
        is_first_word = is_first_card(run, reply) if run.event.is_elsewhere else reply.kind == COMMENT and run.event.number is not None
        if is_first_word and reply.url is None:
            acknowledged.note(tx, run.event)
    return True


def _failed(parts: Parts, reply: Reply, error: Exception, said: str, *, retryable: bool) -> None:
    attempt = reply.attempts + 1
    hopeless_attempts = 1 if is_spare(reply.kind) else MAX_HOPELESS_ATTEMPTS
    if attempt >= (MAX_ATTEMPTS if retryable else hopeless_attempts):
        with parts.database.begin() as tx:
            outbox.give_up(tx, reply.run_id, reply.kind, reply.version, said)
        level = logging.WARNING if is_spare(reply.kind) else logging.ERROR
        log.log(level, "reply_given_up", reply=reply.kind, attempt=attempt, error=said)
        return
    wait_seconds = backoff_seconds(
        attempt, getattr(error, "retry_after_seconds", None), is_stated=getattr(error, "is_wait_stated", True)
    )
    with parts.database.begin() as tx:
        outbox.failed(tx, reply.run_id, reply.kind, said, wait_seconds)
    log.warning("reply_failed", attempt=attempt, error=said, retry_in_seconds=wait_seconds)
