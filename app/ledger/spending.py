"""What was spent today, and who of those that wait has to wait for that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, func, select

from app.core.line.daily import Daily, day_begins_ms, tomorrow, without_room
from app.core.line.ticket import Ticket
from app.ledger.database import clock_ms
from app.ledger.tables import exchanges, tickets

# A run that has waited for longer than this before it began is not looked for; no run takes a day.
_OLDEST_MS = 30 * 24 * 3_600_000


def today(tx: Connection, since_ms: int) -> Counter[tuple[str, str]]:
    """Return what was spent since then by profile, repository and person, in millionths of a dollar."""
    found: Counter[tuple[str, str]] = Counter()
    rows = tx.execute(
        select(tickets.c.profile, tickets.c.repo, tickets.c.person, tickets.c.is_by_person, func.sum(exchanges.c.cost_micro_usd))
        .select_from(tickets.join(exchanges, exchanges.c.run_id == tickets.c.run_id))
        .where(
            tickets.c.since_ms > since_ms - _OLDEST_MS, exchanges.c.started_at_ms >= since_ms, exchanges.c.cost_micro_usd.is_not(None),
        )
        .group_by(tickets.c.profile, tickets.c.repo, tickets.c.person, tickets.c.is_by_person)
    )
    for profile, repo, person, is_by_person, spent in rows:
        for key in (("profile", profile), ("repo", repo), *([("person", person)] if is_by_person else [])):
            found[key] += int(spent)
    return found


def held(tx: Connection, waiting: Sequence[Ticket], under_way: Sequence[Ticket], daily: Daily) -> dict[str, str]:
    """Return who of those that wait may not begin because of a day's budget, and why in a few words."""
    if not daily.is_set or not waiting:
        return {}
    at_ms = clock_ms(tx)
    spent = today(tx, day_begins_ms(at_ms, daily.zone))
    return without_room(waiting, under_way, spent, _by_run(tx, [each.run_id for each in under_way]), daily, tomorrow(at_ms, daily.zone))


def _by_run(tx: Connection, run_ids: Iterable[str]) -> dict[str, int]:
    rows = tx.execute(
        select(exchanges.c.run_id, func.coalesce(func.sum(exchanges.c.cost_micro_usd), 0))
        .where(exchanges.c.run_id.in_(list(run_ids))).group_by(exchanges.c.run_id)
    )
    return {row[0]: int(row[1]) for row in rows}
