"""What is on file of a run that can be repeated, or why it cannot be."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection

from app.core.assignment import SandboxEnd
from app.core.run import Run
from app.emulators.model.record import Normalisation, Record, record_of
from app.errors import BellhopError, ConfigurationError
from app.ledger import exchanges, messages, runs, sandboxes, steps
from app.ledger.sandboxes import SandboxRow
from app.publish.proposal import Proposal

# Those whose next word depends on nothing but what they were given and what the model answered.
AGENTS = ("command", "mini")

# What varies by itself between two times on one machine, and says nothing of what the agent did.
VARIES = (
    Normalisation(pattern=r"\b\d+(?:\.\d+)? ?(?:ms|s|sec|secs|seconds?|min|minutes?)\b", replacement="N s", why="durations"),
    Normalisation(pattern=r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?)?(?:Z| ?[+-]\d\d:?\d\d)?", replacement="DATE",
                  why="dates"),
    Normalisation(pattern=r"\b(?:[A-Z][a-z]{2},? )?[A-Z][a-z]{2} +\d{1,2} +(?:\d\d:\d\d(?::\d\d)?(?: \d{4})?|\d{4})(?: [+-]\d{4})?",
                  replacement="DATE", why="dates, as ls, date and git write them"),
    Normalisation(pattern=r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b", replacement="TIME", why="times of day"),
    Normalisation(pattern=r"\b[0-9a-f]{7,64}\b", replacement="HEX", why="commits, which hold the time of day"),
    Normalisation(pattern=r"\b0x[0-9a-fA-F]{6,16}\b", replacement="HEX", why="addresses in memory"),
    Normalisation(pattern=r"/tmp/[A-Za-z0-9._-]+", replacement="/tmp/NAME", why="names of temporary files"),  # noqa: S108 - a pattern
)


class Recorded(NamedTuple):
    """A run and the sandbox that its agent worked in; `tree` is the result's (None: nothing was changed)."""

    run: Run
    sandbox: SandboxRow
    end: SandboxEnd
    record: Record
    tree: str | None
    steps: int


def read_recorded(tx: Connection, run_id: str) -> Recorded:
    """Return the run's record. Raises BellhopError with reason `cannot_replay`, or `no_such_run`."""
    run = runs.load(tx, run_id)
    if run is None:
        raise BellhopError(f"there is no run {run_id[:40]!r}: `bellhop runs` lists them", reason="no_such_run")
    if run.profile.agent.uses not in AGENTS:
        raise cannot(f"its agent is {run.profile.agent.uses}, and only {' and '.join(AGENTS)} can be repeated: what another one "
                     "does with the same answers is not ours to tell")
    if run.state != "done" or run.outcome is None:
        raise cannot(f"it is still under way ({run.state})")
    row = next((row for row in reversed(sandboxes.of_run(tx, run_id)) if row.role == "work"), None)
    if row is None or row.end is None or run.base_commit is None:
        raise cannot("it never had a sandbox that came to an end")
    if row.end.reason != "exited":
        raise cannot(f"its agent did not end by itself ({row.end.reason}), and when it was stopped cannot be repeated")
    if row.assignment.next_argv and row.assignment.argv == row.assignment.next_argv:
        raise cannot("it went on in the session of an earlier run, which is not there any more as it was")
    if run.profile.setup is not None:
        raise cannot("it stood on what `setup:` had installed, which is not kept for replays")
    if messages.any_handed(tx, run_id):
        raise cannot("somebody's comments were handed to its agent while it worked, and when cannot be repeated")
    try:
        record = record_of(exchanges.of_run(tx, run_id), VARIES)
    except ConfigurationError as error:
        raise cannot(str(error)) from error
    return Recorded(run, row, row.end, record, _tree(tx, run), len(steps.of_sandbox(tx, run_id, row.id)))


def cannot(why: str) -> BellhopError:
    """Return the error for a run that cannot be repeated."""
    return BellhopError(f"this run cannot be replayed: {why}", reason="cannot_replay")


def _tree(tx: Connection, run: Run) -> str | None:
    candidate = runs.candidate(tx, run.id)
    if candidate is not None:
        tree = Proposal.model_validate_json(candidate).tree
        if not tree:
            raise cannot("an older release put its result on file without what it could be compared by")
        return tree
    if run.outcome is not None and run.outcome.kind == "refused":
        raise cannot("its result was refused before it was put on file, so there is nothing to compare with")
    return None
