"""Profiles that are paused: what rings for them is queued, and begins when they are resumed. What is under way goes on."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, func, insert, select

from app.core.line.ticket import Ticket
from app.ledger.database import now_ms
from app.ledger.tables import pauses

# Stands for every profile; no profile can be called that.
EVERYTHING = "*"


def pause(tx: Connection, profile: str) -> bool:
    """Pause a profile, or EVERYTHING; False if it was paused already."""
    if profile in paused(tx):
        return False
    tx.execute(insert(pauses).values(profile=profile, since_ms=now_ms()))
    return True


def resume(tx: Connection, profile: str) -> bool:
    """End a pause; False if there was none."""
    return tx.execute(delete(pauses).where(pauses.c.profile == profile)).rowcount == 1


def paused(tx: Connection) -> dict[str, int]:
    """Return what is paused, each with when that began, in milliseconds since 1970."""
    return {row.profile: row.since_ms for row in tx.execute(select(pauses).order_by(pauses.c.profile))}


def is_paused(tx: Connection, profile: str) -> bool:
    """Return whether nothing of the profile may begin now."""
    return not {profile, EVERYTHING}.isdisjoint(paused(tx))


def held(tx: Connection, waiting: Iterable[Ticket]) -> dict[str, str]:
    """Return who of those that wait may not begin for that, and why in a few words."""
    if not tx.execute(select(func.count()).select_from(pauses)).scalar_one():
        return {}
    now = paused(tx)
    return {
        each.run_id: "the operator has paused Bellhop" if EVERYTHING in now else f"the operator has paused the profile {each.profile}"
        for each in waiting if EVERYTHING in now or each.profile in now
    }
