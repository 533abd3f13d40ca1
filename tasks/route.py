"""Hop 4: decide what a stored event means, and save what follows from it."""

from __future__ import annotations

import structlog
from sqlalchemy import Connection

from app.core.decide import (
    Append,
    Cancel,
    Control,
    Decision,
    Ignore,
    Start,
    Stop,
)
from app.core.event import Event
from app.core.profile import Profile
from app.core.run import Run
from app.core.words.seen import as_seen
from app.errors import BellhopError, LedgerUnavailable, Paced
from app.ledger import audit, conversation, hosts, inbox, messages, notices, results, runs, tallies
from tasks.deciding import ci
from tasks.deciding.asking import ask
from tasks.deciding.choices import was_refused_its_choice, with_choices
from tasks.deciding.coalesce import pick_up
from tasks.deciding.control import Asked, control
from tasks.deciding.elsewhere import prepared, settled
from tasks.deciding.facts import over_in
from tasks.deciding.joining import joined
from tasks.deciding.lookup import looked_up
from tasks.deciding.passing import end_what_has_passed
from tasks.deciding.thread_before import Read, keep_thread, read_thread
from tasks.leased import DATABASE_DOWN
from tasks.pacing import piece_of_work
from tasks.parts import Parts
from tasks.replying.checks import answered, give_receipt
from tasks.replying.narrowing_note import tell_of_narrowing
from tasks.replying.notices import deliver_notices
from tasks.replying.offers import note, pressed
from tasks.replying.replies import deliver, deliver_all, say, takes_comments
from tasks.replying.waiting import backoff_seconds
from tasks.waking import wake

log = structlog.get_logger()

# How long a row stays hidden while it is being routed; after a crash the sweeper finds it again.
HOLD_SECONDS = 120.0
# For an error that may pass: some two hours and a half, or as the service says.
MAX_ATTEMPTS = 20
# An event that takes its worker with it, or that breaks our own code.
MAX_CRASHES = 3
# How often an event is decided on anew because its thread has changed meanwhile.
MAX_DECISIONS = 5


class _Overtaken(Exception):
    """What the decision was based on holds no more; nothing of it may be saved."""


def route(parts: Parts, inbox_id: int) -> None:
    """Route one stored event; safe to repeat."""
    with parts.database.begin() as tx:
        tried, last_error = inbox.tries(tx, inbox_id)
        if not inbox.claim(tx, inbox_id, HOLD_SECONDS):
            return
    attempts = tried + 1
    with structlog.contextvars.bound_contextvars(inbox_id=inbox_id):
        if tried >= MAX_CRASHES and last_error is None:
            _failed(parts, inbox_id, attempts, "gave_up", f"gave up after {tried} tries, the last without a word", None)
            return
        try:
            # Not in the transaction of the claim: a row that cannot be read must count as tried.
            with parts.database.read() as tx:
                entry = inbox.load(tx, inbox_id)
            if entry is not None:
                with piece_of_work():
                    end_what_has_passed(parts, entry.event)
                    _route(parts, inbox_id, entry.event)
                    tell_of_narrowing(parts, entry.event)
        except Paced as error:
            with parts.database.begin() as tx:
                inbox.wait(tx, inbox_id, error.retry_after_seconds or 1.0, f"waits: {error}")
        except BellhopError as error:
            again = error.retryable and attempts < MAX_ATTEMPTS
            wait_seconds = backoff_seconds(attempts, error.retry_after_seconds, is_stated=error.is_wait_stated)
            _failed(parts, inbox_id, attempts, error.reason, str(error), wait_seconds if again else None)
        except DATABASE_DOWN as error:
            log.error("ledger_down", error=type(error).__name__)
        except Exception as error:  # nobody is waiting for this call: what broke is on file and in the log
            log.exception("route_crashed")
            again = attempts < MAX_CRASHES
            _failed(parts, inbox_id, attempts, "internal", type(error).__name__, backoff_seconds(attempts) if again else None)


def _failed(
    parts: Parts, inbox_id: int, attempts: int, reason: str, text: str, retry_in_seconds: float | None
) -> None:
    with parts.database.begin() as tx:
        if retry_in_seconds is None:
            inbox.settle(tx, inbox_id, state="failed", decision=f"failed: {reason}: {text}")
            tallies.add(tx, "decision", "", "failed", reason)
        else:
            inbox.retry_in(tx, inbox_id, retry_in_seconds, f"failed: {reason}: {text}")
    log.warning("route_failed", reason=reason, error=text, attempt=attempts, retry_in_seconds=retry_in_seconds)


def _route(parts: Parts, inbox_id: int, event: Event) -> None:
    known = prepared(parts, inbox_id, answered(parts, pressed(parts, event)))
    if known is None:
        return
    event = looked_up(parts, known.event)
    before: Read | None = None
    for _ in range(MAX_DECISIONS):
        # Each time from the event as it came: what was looked up for a decision that was overtaken is looked up anew.
        decision, decided_on, credential_id, notice = ask(parts, inbox_id, event)
        decision = decision.model_copy(update={"why": (*known.why, *decision.why)})
        told: tuple[str, str] | None = None
        case = joined(parts, decided_on, decision)
        if case.is_news:
            # What it is about has become more than its thread.
            continue
        before = read_thread(parts, decided_on, decision, before)
        try:
            with parts.database.begin() as tx:
                if ci.waits(tx, inbox_id, decision):
                    return
                told = ci.notice(tx, parts, decided_on, decision)
                if isinstance(decision, Control):
                    run = _control(tx, parts, inbox_id, decided_on, decision)
                else:
                    run = _carry_out(tx, parts, inbox_id, decided_on, decision)
                results.note(tx, decided_on)
                keep_thread(tx, run, decision, before)
                settled(tx, parts, inbox_id, decided_on, run, case.apart if isinstance(decision, Start) else "")
                is_said = notice is not None and notices.put(tx, decided_on, notice)
                if run is not None and credential_id is not None:
                    audit.belongs(tx, credential_id, run.id)
                reason = decision.reason if isinstance(decision, Ignore) else ""
                tallies.add(tx, "decision", event.source, type(decision).__name__.lower(), reason)
        except _Overtaken:
            continue
        log.info(
            "routed", decision=type(decision).__name__, reason=reason or None,
            run_id=run.id if run else None, thread=event.thread, actor=event.actor.login, why="; ".join(decision.why),
        )
        if run is not None:
            _tell(parts, decision, run)
        if is_said:
            deliver_notices(parts)
        if told is not None:
            deliver(parts, *told)
        return
    raise LedgerUnavailable(f"{event.thread} changes faster than it can be decided on; it is tried again")


def _start(tx: Connection, event: Event, profile: Profile, bot_login: str) -> str:
    """Save a run, on the host of the one that it follows up where that is alive: what its agent knows is there. Raises _Overtaken."""
    over = over_in(tx, event)
    # A label that is put on again begins anew.
    parent = over[0] if over and (event.is_comment or ci.goes_on(event)) else None
    past = [parent, *runs.before(tx, parent)] if parent is not None else []
    profile = with_choices(profile, event, [run.event for run in reversed(past) if not was_refused_its_choice(run)], bot_login)
    host = parent.host if parent is not None and parent.host in hosts.alive(tx) else hosts.least_busy(tx)
    run_id = runs.create(tx, event, profile, host, parent_id=parent.id if parent else None)
    if run_id is None:
        raise _Overtaken
    pick_up(tx, run_id, event)
    return run_id


def _carry_out(tx: Connection, parts: Parts, inbox_id: int, event: Event, decision: Decision) -> Run | None:
    """Save what follows from the decision, all of it or nothing, and return the run that it is about.

    Raises _Overtaken, which rolls the transaction back, when the thread's live run has come or gone meanwhile.
    None also when another worker has settled the event.
    """
    why = "; ".join(decision.why)
    _hold_thread(tx, event, decision)
    if isinstance(decision, Ignore):
        if decision.reason == "not_addressed" and runs.live_in_thread(tx, event.thread) is not None and event.actor.kind == "person":
            # Somebody has rung meanwhile: the words are for that run.
            raise _Overtaken
        inbox.settle(tx, inbox_id, state="ignored", decision=f"ignore: {decision.reason} ({why})")
        note(tx, parts, event, decision, None)
        return None
    if isinstance(decision, Start):
        profile = ci.profile_for(event, parts.profiles[decision.profile])
        if event.is_from_fork:
            # Who rang vouches for the wish, and nobody for a stranger's files: words come out of such a run, and no more.
            profile = profile.model_copy(update={"workspace": "ro"})
        run_id = _start(tx, event, profile, parts.settings.bot_login)
        ci.begun(tx, event, run_id)
    else:
        run_id = decision.run_id
        if not runs.still_live(tx, run_id):
            raise _Overtaken
    verb = type(decision).__name__.lower()
    is_too_late = isinstance(decision, Stop | Cancel) and runs.PUSHING in [name for name, _ in runs.timeline(tx, run_id)]
    if is_too_late:
        # The branch may stand outside already, and the pull request follows it (tasks/finishing/publish.py).
        why = f"too late, its branch is being pushed ({why})"
    if not inbox.settle(tx, inbox_id, state="routed", decision=f"{verb}: {why}", run_id=run_id):
        # Its decision stands, ours must not; begun anew, ours finds the row settled.
        if isinstance(decision, Start):
            raise _Overtaken
        return None
    if not is_too_late:
        _act(tx, inbox_id, event, decision, run_id)
    run = runs.load(tx, run_id)
    # That an agent takes no comments is said at once: whoever wrote one would wait for an answer until the run is over.
    is_news = isinstance(decision, Start) or (isinstance(decision, Append) and not takes_comments(tx, run_id))
    if run is not None and is_news:
        say(tx, parts, run)
    if run is not None:
        give_receipt(tx, run, event)
        note(tx, parts, event, decision, run.id)
    return run


def _hold_thread(tx: Connection, event: Event, decision: Decision) -> None:
    """Keep words and the ring that they belong to from missing each other: these would see no run, and the run not them."""
    if isinstance(decision, Start) or (isinstance(decision, Ignore) and decision.reason == "not_addressed"):
        conversation.hold_still(tx, event.thread)


def _control(tx: Connection, parts: Parts, inbox_id: int, event: Event, decision: Control) -> Run | None:
    """Answer what was asked about a run, and save the one that follows, if one does. Raises _Overtaken."""
    run = runs.load_still(tx, decision.run_id)
    if run is None:
        raise _Overtaken
    followed = control(tx, parts, run, decision, Asked(event, decision.permission))
    settled = followed is not None and inbox.settle(
        tx, inbox_id, state="routed", decision=f"{decision.verb}: {'; '.join(decision.why)}", run_id=(followed.started or followed.run).id,
    )
    if followed is None or (not settled and followed.started is not None):
        raise _Overtaken
    if followed.started is not None:
        say(tx, parts, followed.started)
    give_receipt(tx, run, event)
    return followed.started or followed.run


def _act(tx: Connection, inbox_id: int, event: Event, decision: Decision, run_id: str) -> None:
    if isinstance(decision, Append):
        messages.append(tx, run_id, inbox_id=inbox_id, author=event.actor.login, text=as_seen(event.words), now=decision.now)
    elif isinstance(decision, Stop):
        runs.request_stop(tx, run_id, event.actor.login)
    elif isinstance(decision, Cancel):
        runs.request_cancel(tx, run_id)


def _tell(parts: Parts, decision: Decision, run: Run) -> None:
    """Wake whoever has something to do now; what is lost here, the sweeper finds."""
    if isinstance(decision, Start | Stop | Cancel | Control):
        wake(parts, run)
    deliver_all(parts, run.id)
    if isinstance(decision, Control) and run.parent_id is not None:
        # What was said of the run that it goes on with.
        deliver_all(parts, run.parent_id)
