"""Telling those who wait in the line where they stand, sparingly: each edit of a comment is a request to the service."""

from __future__ import annotations

from app.ledger import line, runs, tickets
from tasks.parts import Parts
from tasks.replying.replies import deliver, say

# How seldom a comment is edited for its place alone, and how many in one sweep of a host at most.
LEAST_MS_BETWEEN = 60_000
MOST_AT_ONCE = 5
# Those who wait behind so many others are told when they begin.
LOOKED_AT = 50


def tell_places(parts: Parts, host: str) -> None:
    """Tell some of those who wait on this host, and stand elsewhere than they were told; the first in the line first."""
    with parts.database.read() as tx:
        waiting = line.places(tx, host, parts.caps, LOOKED_AT)
        told = {run_id: tickets.told(tx, run_id) for run_id, _ in waiting}
    moved = [
        run_id for run_id, place in waiting
        if told[run_id][0] != tickets.as_told(place.words) and told[run_id][1] >= LEAST_MS_BETWEEN
    ]
    for run_id in moved[:MOST_AT_ONCE]:
        with parts.database.begin() as tx:
            # Held still: it may begin meanwhile, and that word must not be overwritten.
            run = runs.load_still(tx, run_id)
            if run is None or run.state != "queued":
                continue
            say(tx, parts, run)
        deliver(parts, run_id)
