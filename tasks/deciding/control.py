"""What people say about a run that is live or over: how it stands, once more, yes, no. Everything is answered, in one comment per run."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from app.core.decide import Control
from app.core.deciding.approval import SHOWN_CHARACTERS, Standing, is_enough, needed_permission, why_not_counted
from app.core.event import Event
from app.core.outcome import Failed, Held, Refused
from app.core.profile import Profile
from app.core.run import Run
from app.ledger import audit, holds, hosts, inbox, messages, remarks, runs, threads_before
from app.ledger.holds import Hold
from app.publish.inert import Inert, span
from tasks.deciding.choices import again_with_choices
from tasks.deciding.ci import begun, profile_for
from tasks.parts import Parts
from tasks.replying.answers import answer, status_of
from tasks.replying.cards import answer_in_cards
from tasks.replying.replies import say

# In the audit, where a person's own word is recorded and no credential.
_BY_WORD = "-"


class Asked(NamedTuple):
    """Who asked for it, as GitHub said when it was asked: the permission is theirs, live; `event` has their pull request as it is now."""

    event: Event
    permission: str


class Followed(NamedTuple):
    """What came of it: the run that its event is about, and one that is to be started (None: none is)."""

    run: Run
    started: Run | None = None


def what_it_takes(run: Run) -> dict[str, Any]:
    """Return the Facts about the run that `status`, `retry`, `approve` and `reject` are about."""
    who = run.profile.who.permission
    return {
        "about_run_id": run.id, "about_permission": who,
        "approver_permission": needed_permission(run.profile.approval, who) if isinstance(run.outcome, Held) else who,
    }


def control(tx: Connection, parts: Parts, run: Run, decision: Control, asked: Asked) -> Followed | None:
    """Do what was asked for, and say what came of it, in the caller's transaction; None where the thread has changed meanwhile."""
    if decision.verb == "status":
        _answer(tx, parts, run, status_of(tx, parts, run))
        return Followed(run)
    if decision.verb == "retry":
        return _retry(tx, parts, run, asked)
    return _approval(tx, parts, run, decision, asked)


def _answer(tx: Connection, parts: Parts, run: Run, said: str) -> None:
    answer(tx, parts, run, said)
    answer_in_cards(tx, parts, run, said)


def _retry(tx: Connection, parts: Parts, run: Run, asked: Asked) -> Followed | None:
    if why := why_no_retry(run):
        _answer(tx, parts, run, f"Not tried again: {why}.")
        return Followed(run)
    profile = parts.profiles.get(run.profile.name)
    if profile is None:
        _answer(tx, parts, run, f"Not tried again: there is no profile `{run.profile.name}` any more.")
        return Followed(run)
    event = _as_it_is_now(run, asked)
    made = _create(tx, event, profile_for(event, again_with_choices(tx, parts, run, profile)), run, parent_id=run.parent_id)
    if made is None:
        return None
    begun(tx, event, made.id)
    remarks.add(tx, made.id, f"Run {run.id} once more, as {asked.event.actor.login} asked for.")
    _record(tx, made.id, "retry", run.id, f"by {asked.event.actor.login} ({asked.event.actor.id})")
    return Followed(made, made)


def why_no_retry(run: Run) -> str:
    """Return why a run is not tried again, or an empty string: only what failed, was refused or was stopped is; pure."""
    if run.state != "done":
        return "it is still under way"
    if isinstance(run.outcome, Failed | Refused) or run.stopped_by:
        return ""
    return "it neither failed nor was it refused or stopped. Say what is to be different"


def _approval(tx: Connection, parts: Parts, run: Run, decision: Control, asked: Asked) -> Followed | None:
    hold = holds.load_still(tx, run.id)
    actor = asked.event.actor
    if hold is None or not isinstance(run.outcome, Held):
        _answer(tx, parts, run, Inert(f"Nothing of run {span(run.id)} waits for an approval."))
        return Followed(run)
    given = holds.given(tx, run.id)
    standing = Standing(
        binds=hold.binds, state=hold.state, is_newest=_is_newest(tx, run), is_expired=holds.is_expired(tx, hold),
        approved_by=tuple(each.actor_id for each in given), asked_by=_asked_by(tx, run),
        is_of_another=asked.event.button is not None and not asked.event.is_elsewhere and (asked.event.ci is None or asked.event.ci.external_id != run.id),
        was_said_before=_was_said_before(asked.event, hold, run.profile.approval.expires_hours),
    )
    approval = run.profile.approval
    if decision.verb == "reject":
        # Anybody who may approve may say no, those who asked for the work too.
        why = why_not_counted(standing.model_copy(update={"asked_by": (), "approved_by": ()}), approval, actor.id, decision.named)
        if why:
            _answer(tx, parts, run, f"{actor.login}'s rejection does not count: {why}.")
        else:
            holds.settle(tx, run.id, "rejected")
            remarks.add(tx, run.id, f"Rejected by {actor.login}. Nothing of it is kept.")
            _record(tx, run.id, "reject", hold.binds, f"by {actor.login} ({actor.id}, {asked.permission})")
        say(tx, parts, run)
        return Followed(run)
    if why := why_not_counted(standing, approval, actor.id, decision.named):
        _record(tx, run.id, "approve", hold.binds, f"refused: {why}")
        _answer(tx, parts, run, f"{actor.login}'s approval does not count: {why}.")
        return Followed(run)
    holds.approve(tx, hold, actor_id=actor.id, login=actor.login, permission=asked.permission)
    _record(tx, run.id, "approve", hold.binds, f"by {actor.login} ({actor.id}, {asked.permission})")
    if not is_enough(approval, (*standing.approved_by, actor.id)):
        say(tx, parts, run)
        return Followed(run)
    made = _create(tx, _as_it_is_now(run, asked), run.profile, run, parent_id=run.id)
    if made is None:
        return None
    holds.settle(tx, run.id, "approved", made.id)
    who = ", ".join([*(each.login for each in given), actor.login])
    what = "The plan" if run.outcome.what == "plan" else "The change"
    remarks.add(tx, made.id, f"{what} of run {run.id} ({hold.binds[:SHOWN_CHARACTERS]}), approved by {who}.")
    say(tx, parts, run)
    return Followed(made, made)


def _was_said_before(event: Event, hold: Hold, hours: float) -> bool:
    """Return whether somebody spoke before the result came to wait: what they had seen is another one. Whole seconds, as GitHub's are."""
    try:
        said_at = datetime.fromisoformat(event.occurred_at or "").timestamp()
    except ValueError:
        return False
    return said_at < (hold.expires_at_ms - hours * 3_600_000) // 1000


def _is_newest(tx: Connection, run: Run) -> bool:
    newest = runs.over_in_thread(tx, run.thread)[:1]
    return [each.id for each in newest] == [run.id] and runs.live_in_thread(tx, run.thread) is None


def _asked_by(tx: Connection, run: Run) -> tuple[str, ...]:
    """Return the ids of everybody whose words the result follows: who rang for it, and who spoke in the conversation before it."""
    chain = [run, *runs.before(tx, run)]
    said = [inbox.load(tx, number) for each in chain for number in messages.inbox_ids(tx, each.id)]
    return tuple(dict.fromkeys([each.event.actor.id for each in chain] + [entry.event.actor.id for entry in said if entry is not None]))


def _as_it_is_now(run: Run, asked: Asked) -> Event:
    """Return the run's own event, with the pull request that it is about as it stands now."""
    pull = asked.event.pull
    if run.event.pull is None or pull is None or pull.number != run.event.pull.number:
        return run.event
    return run.event.model_copy(update={"pull": pull})


def _create(tx: Connection, event: Event, profile: Profile, run: Run, *, parent_id: str | None) -> Run | None:
    host = run.host if run.host in hosts.alive(tx) else hosts.least_busy(tx)
    run_id = runs.create(tx, event, profile, host, parent_id=parent_id)
    if run_id is None:
        return None
    threads_before.copy(tx, run.id, run_id)
    return runs.load(tx, run_id)


def _record(tx: Connection, run_id: str, action: str, target: str, verdict: str) -> None:
    audit.record(tx, run_id=run_id, credential_id=_BY_WORD, action=action, target=target, verdict=verdict[:64])
