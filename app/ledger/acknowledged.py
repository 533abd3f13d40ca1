"""How long it took until whoever rang was answered: from the event's coming in to its first comment's standing in the thread."""

from __future__ import annotations

from sqlalchemy import Connection, select

from app.core.event import Event
from app.ledger import tallies
from app.ledger.database import now_ms
from app.ledger.tables import inbox

# The last one is for all that took longer.
BUCKETS_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
_BUCKETS, _SUM = "acknowledged", "acknowledged_ms"


def note(tx: Connection, event: Event) -> None:
    """Count an acknowledgement that was delivered just now; of an event that did not come in by the inbox there is none to count."""
    took_ms = tx.execute(
        select(now_ms() - inbox.c.received_at_ms).where(inbox.c.source == event.source, inbox.c.delivery_key == event.delivery_key)
    ).scalar_one_or_none()
    if took_ms is None:
        return
    bucket = next((str(each) for each in BUCKETS_SECONDS if took_ms <= each * 1000), "+Inf")
    tallies.add(tx, _BUCKETS, bucket)
    tallies.add(tx, _SUM, count=max(0, int(took_ms)))


def histogram(tx: Connection) -> tuple[list[tuple[str, int]], float]:
    """Return (upper bound in seconds, how many took no longer), each bound with all below it, and the sum in seconds."""
    found = {labels[0]: count for labels, count in tallies.totals(tx, _BUCKETS).items()}
    buckets, so_far = [], 0
    for bound in (*(str(each) for each in BUCKETS_SECONDS), "+Inf"):
        so_far += found.get(bound, 0)
        buckets.append((bound, so_far))
    return buckets, tallies.totals(tx, _SUM).get((), 0) / 1000
