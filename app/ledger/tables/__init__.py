"""The database's tables. All times are integer milliseconds since 1970 by the database's own clock.

JSON documents are text columns: they are nouns, read back by their model, never queried into.
"""

from __future__ import annotations

from app.ledger.tables.arrivals import delivery_counts, inbox, tallies
from app.ledger.tables.cases import cards, places, thread_names, waits
from app.ledger.tables.line import host_places, hosts, pauses, tickets
from app.ledger.tables.metadata import metadata
from app.ledger.tables.people import link_tokens, links, signin_states, signins
from app.ledger.tables.replies import notices, offers, outbox
from app.ledger.tables.results import approvals, ci_attempts, holds, results
from app.ledger.tables.sealed import sealed
from app.ledger.tables.surroundings import looks, pace, page_keys, repositories, schedules
from app.ledger.tables.threads_before import thread_pictures, threads_before
from app.ledger.tables.work import (
    audit,
    exchanges,
    messages,
    remarks,
    reports,
    runs,
    sandboxes,
    stages,
    step_marks,
    steps,
    threads,
)

__all__ = [
    "approvals",
    "audit",
    "cards",
    "ci_attempts",
    "delivery_counts",
    "exchanges",
    "holds",
    "host_places",
    "hosts",
    "inbox",
    "link_tokens",
    "links",
    "looks",
    "messages",
    "metadata",
    "notices",
    "offers",
    "outbox",
    "pace",
    "page_keys",
    "pauses",
    "places",
    "remarks",
    "reports",
    "repositories",
    "results",
    "runs",
    "sandboxes",
    "schedules",
    "sealed",
    "signin_states",
    "signins",
    "stages",
    "step_marks",
    "steps",
    "tallies",
    "thread_names",
    "thread_pictures",
    "threads",
    "threads_before",
    "tickets",
    "waits",
]
