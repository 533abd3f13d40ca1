"""What a person said within seconds before their ring, to nobody by name: a part of the same wish."""

from __future__ import annotations

from sqlalchemy import Connection

from app.core.deciding.coalesce import WITHIN_MS, is_part_of
from app.core.event import Event
from app.core.words.seen import as_seen
from app.ledger import inbox, messages


def pick_up(tx: Connection, run_id: str, start: Event) -> None:
    """Give a run that has just begun the words that belong to it, and were passed over before; each once."""
    for entry in inbox.not_addressed_within(tx, WITHIN_MS):
        words = entry.event
        if is_part_of(words, start):
            messages.append(tx, run_id, inbox_id=entry.id, author=words.actor.login, text=as_seen(words.words))
            inbox.revise(tx, entry.id, decision=f"append: said within seconds before run {run_id} was rung for, by the same person", run_id=run_id)
