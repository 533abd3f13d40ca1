"""The only recovery code: on a schedule, find what stands still and wake or end it. Safe with several sweepers."""

from __future__ import annotations

import structlog

from app.core.outcome import Failed
from app.errors import BellhopError, LeaseLost
from app.ledger import holds, hosts, inbox, line, outbox, read_tokens, runs, sandboxes, tickets
from tasks.deciding.identity import go_on_with_linked
from tasks.finishing.conclude import conclude
from tasks.keeping.census import count_repositories
from tasks.keeping.leftovers import prune_checkouts, remove_leftovers
from tasks.keeping.schedules import fire_due
from tasks.keeping.watch import watch_sandboxes
from tasks.leased import LEASE_SECONDS
from tasks.parts import Parts
from tasks.replying.friction import look_for_friction
from tasks.replying.loose_cards import show_cards
from tasks.replying.notices import deliver_notices
from tasks.replying.offers import tell_offers
from tasks.replying.places import tell_places
from tasks.replying.replies import deliver, tell

log = structlog.get_logger()

# A host that is away for longer than this has taken its runs with it; a restart is shorter.
HOST_LOST_SECONDS = 900.0


def tick(parts: Parts) -> None:
    """Wake the sweep of every host that is alive, and look at the profiles' schedules; beat sends this on its own."""
    with parts.database.read() as tx:
        alive = hosts.alive(tx)
    for host in alive:
        parts.wakeup.sweep(host)
    try:
        fire_due(parts)
    except Exception:  # a schedule that breaks our own code must not keep the sweeps from being woken
        log.exception("schedules_crashed")


def sweep(parts: Parts) -> None:
    """Look at everything once; an error in one part does not keep the others from being swept."""
    if not parts.sweeping.acquire(blocking=False):
        # The last one is still at it: sweeps that pile up would take every thread from the runs.
        return
    try:
        host = parts.settings.host_name
        with parts.database.begin() as tx:
            hosts.seen(tx, host)
            tickets.set_places(tx, host, parts.settings.max_runs)
        for part in (
            _wake_events, _adopt_runs, _wake_runs, _wake_givers, watch_sandboxes, remove_leftovers, _end_abandoned, prune_checkouts,
            _tell_reports, tell_places, _deliver_replies, deliver_notices, go_on_with_linked, show_cards, count_repositories, look_for_friction, tell_offers, _forget_kept,
        ):
            try:
                part(parts, host)
            except BellhopError as error:
                log.warning("sweep_failed", part=part.__name__, reason=error.reason, error=str(error))
            except Exception:  # whatever one part meets, the others are the only recovery there is
                log.exception("sweep_crashed", part=part.__name__)
    finally:
        parts.sweeping.release()


def _wake_events(parts: Parts, _host: str) -> None:
    """Events stored but not routed."""
    with parts.database.read() as tx:
        due = inbox.due(tx)
    for inbox_id in due:
        parts.wakeup.route(inbox_id)


def _adopt_runs(parts: Parts, host: str) -> None:
    """Runs that nobody has started, on a host that is gone, or saved while there was none."""
    with parts.database.begin() as tx:
        adopted = runs.adopt(tx, host, hosts.alive(tx))
    if adopted:
        log.info("runs_adopted", count=adopted)


def _wake_runs(parts: Parts, host: str) -> None:
    """Runs queued but not started, and runs whose worker died: nobody holds their lease."""
    with parts.database.read() as tx:
        # Of those in the line only who is next: hundreds of one person's must not hide the one of another's.
        to_start = [each.run_id for each in line.of_host(tx, host, parts.caps).line.now]
        to_start += [*line.told_to_end(tx, host), *(run_id for run_id, _ in runs.due(tx, host, ("starting",)))]
        to_finish = [run_id for run_id, _ in runs.due(tx, host, ("collecting", "publishing"))]
        for run_id, state in runs.due(tx, host, ("running", "verifying"), limit=1000):
            role = "work" if state == "running" else "verify"
            rows = [row for row in sandboxes.of_run(tx, run_id) if row.role == role]
            if not rows or rows[-1].state == "opening":
                (to_start if state == "running" else to_finish).append(run_id)
        for run_id, _ in runs.due(tx, host, ("preparing",), limit=1000):
            is_for_result = runs.candidate(tx, run_id) is not None
            setup = sandboxes.load(tx, f"{run_id}-{'setup-verify' if is_for_result else 'setup'}")
            if setup is None or setup.state == "opening":
                (to_finish if is_for_result else to_start).append(run_id)
    for run_id in to_start:
        parts.wakeup.start(run_id, host)
    for run_id in to_finish:
        parts.wakeup.finish(run_id, host)


def _wake_givers(parts: Parts, host: str) -> None:
    """Doors that have asked for a token, and nobody has brought one."""
    with parts.database.read() as tx:
        run_ids = {wish.run_id for wish in read_tokens.wanted(tx, host)}
    for run_id in sorted(run_ids):
        parts.wakeup.finish(run_id, host)


def _end_abandoned(parts: Parts, host: str) -> None:
    """Runs under way on a host that has been silent for long: their thread must not wait for it for ever."""
    with parts.database.read() as tx:
        abandoned = runs.abandoned(tx, HOST_LOST_SECONDS)
    for run_id, lost in abandoned:
        with parts.database.begin() as tx:
            lease = runs.take(tx, run_id, f"{host}:sweep", LEASE_SECONDS)
            run = runs.load(tx, run_id)
        if lease is None or run is None:
            continue
        text = f"the host `{lost}`, which worked on this, has not been heard of for {HOST_LOST_SECONDS / 60:.0f} minutes"
        try:
            conclude(parts, lease, run, Failed(reason="host_lost", text=text, who="operator"))
        except LeaseLost:
            log.info("lease_lost", run_id=run_id)


def _tell_reports(parts: Parts, host: str) -> None:
    """What runs under way have reported, where the wake-up for it was lost."""
    with parts.database.read() as tx:
        live = runs.live_on(tx, host)
    for run in live:
        tell(parts, run.id)


def _deliver_replies(parts: Parts, _host: str) -> None:
    """Replies that the service has not been told."""
    with parts.database.read() as tx:
        due = outbox.due(tx)
    for run_id, kind in due:
        deliver(parts, run_id, kind)


def _forget_kept(parts: Parts, _host: str) -> None:
    """Results that were kept for an approval, once nobody can ask for them any more."""
    with parts.database.begin() as tx:
        holds.forget(tx)
