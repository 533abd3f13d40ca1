"""Working on one run under its lease: attempts counted first, every failure ending in a retry or an outcome."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.core.outcome import Failed
from app.core.run import Run
from app.errors import BellhopError, LeaseLost, Paced, PublishRefused
from app.ledger import runs
from app.ledger.runs import Lease
from tasks.deciding.passing import outcome_of
from tasks.finishing.conclude import conclude
from tasks.pacing import piece_of_work
from tasks.parts import Parts
from tasks.replying.waiting import backoff_seconds

log = structlog.get_logger()

# Renewed three times in its length; a worker that dies delays its runs by so much.
LEASE_SECONDS = 30.0

# A step that takes its worker with it is given up soon: it would take the next one with it too.
MAX_KILLS = 3
# A step that fails for a reason that may pass is tried for about forty minutes, or as the service says.
MAX_ATTEMPTS = 10

DATABASE_DOWN = (OperationalError, InterfaceError, PoolTimeout)

Work = Callable[[Parts, Lease, Run], None]


def advance(parts: Parts, run_id: str, work: dict[str, Work]) -> None:
    """Do for the run what its present state asks for, if that is among `work` and nobody else is at it.

    A retryable error makes the run due again later; any other error, also one that nobody foresaw, becomes the
    run's Failed outcome, so that the person who rang always gets a line. While the database is down nothing is
    done at all: the lease runs out, and the sweeper begins again.
    """
    with structlog.contextvars.bound_contextvars(run_id=run_id):
        try:
            _advance(parts, run_id, work)
        except LeaseLost:
            log.info("lease_lost")
        except DATABASE_DOWN as error:
            log.error("ledger_down", error=type(error).__name__)


def fence(parts: Parts, lease: Lease) -> None:
    """Make sure, right before something is done outside, that the run is still ours. Raises LeaseLost."""
    with parts.database.begin() as tx:
        runs.renew(tx, lease, LEASE_SECONDS)


def _advance(parts: Parts, run_id: str, work: dict[str, Work]) -> None:
    with parts.database.begin() as tx:
        run = runs.load(tx, run_id)
        if run is None or run.state not in work or run.host not in (None, parts.settings.host_name):
            return
        lease = runs.take(tx, run_id, _owner(parts), LEASE_SECONDS)
        if lease is None:
            return
        run = runs.load(tx, run_id)
        if run is None or run.state not in work:
            runs.release(tx, lease)
            return
        was_killed = runs.last_error(tx, run_id) is None
        attempt = runs.count_attempt(tx, lease)
    with _heartbeat(parts, lease):
        if attempt > MAX_ATTEMPTS or (attempt > MAX_KILLS and was_killed):
            text = f"gave up at `{run.state}` after {attempt - 1} tries, the last of which ended without a word"
            conclude(parts, lease, run, Failed(reason="gave_up", text=text, who="operator"))
        else:
            _try(parts, lease, run, work[run.state])
    with parts.database.read() as tx:
        now = runs.load(tx, run_id)
    has_moved = now is not None and (now.state != run.state or now.attempts == 0)
    if now is not None and now.host is not None and now.state in ("starting", "collecting", "publishing") and has_moved:
        # The sandbox ended while the lease was ours, so whoever was woken by its end found the run taken. After a setup it is
        # where it was before, and its tries are counted anew.
        parts.wakeup.finish(run_id, now.host)


def _try(parts: Parts, lease: Lease, run: Run, step: Work) -> None:
    try:
        with piece_of_work():
            step(parts, lease, run)
    except (LeaseLost, *DATABASE_DOWN):
        raise
    except PublishRefused as error:
        conclude(parts, lease, run, outcome_of(parts, run, error))
    except Paced as error:
        with parts.database.begin() as tx:
            runs.step_waits(tx, lease, str(error), error.retry_after_seconds or 1.0)
    except BellhopError as error:
        _retry_or_fail(parts, lease, run, error)
    except Exception as error:  # an error nobody foresaw still owes the person a line; its own text may hold a secret
        log.exception("step_crashed", state=run.state)
        text = f"Bellhop hit an error of its own at `{run.state}` ({type(error).__name__}); the operator's log has it"
        conclude(parts, lease, run, Failed(reason="internal", text=text, who="operator"))
    else:
        with parts.database.begin() as tx:
            runs.step_done(tx, lease)


def _retry_or_fail(parts: Parts, lease: Lease, run: Run, error: BellhopError) -> None:
    with parts.database.read() as tx:
        now = runs.load(tx, run.id)
    # The step may have moved the run on before it failed: the tries at the new state count.
    attempt = max(1, now.attempts) if now is not None else 1
    wait_seconds = backoff_seconds(attempt, error.retry_after_seconds, is_stated=error.is_wait_stated)
    again = error.retryable and attempt < MAX_ATTEMPTS
    log.warning(
        "step_failed", state=run.state, reason=error.reason, error=str(error), attempt=attempt,
        retry_in_seconds=wait_seconds if again else None,
    )
    if not again:
        conclude(parts, lease, run, Failed(reason=error.reason, text=str(error), who=error.who))
        return
    with parts.database.begin() as tx:
        runs.step_failed(tx, lease, f"{error.reason}: {error}", wait_seconds)


def _owner(parts: Parts) -> str:
    return f"{parts.settings.host_name}:{os.getpid()}:{threading.get_ident()}"


@contextmanager
def _heartbeat(parts: Parts, lease: Lease) -> Iterator[None]:
    """Renew the lease while the block works; when it is lost, the block's next fenced write says so."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(LEASE_SECONDS / 3):
            try:
                with parts.database.begin() as tx:
                    runs.renew(tx, lease, LEASE_SECONDS)
            except LeaseLost:
                return
            except DATABASE_DOWN as error:
                log.warning("lease_not_renewed", run_id=lease.run_id, error=type(error).__name__)

    thread = threading.Thread(target=beat, name=f"lease-{lease.run_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=5)
