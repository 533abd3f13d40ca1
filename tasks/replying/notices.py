"""Saying to people that their ring came to nothing: at once, and again by the sweeper where the service did not take it."""

from __future__ import annotations

import structlog

from app.core.card import Card
from app.errors import BellhopError, ConfigurationError, Paced
from app.ledger import notices
from tasks.grants import reply_grant
from tasks.parts import Parts
from tasks.replying.cards import plain
from tasks.replying.waiting import backoff_seconds

log = structlog.get_logger()

_HOLD_SECONDS = 120.0
# Nobody waits for it for long.
MAX_ATTEMPTS = 5


def deliver_notices(parts: Parts, _host: str = "") -> None:
    """Deliver what is due; what fails is due again later, a few times."""
    with parts.database.read() as tx:
        waiting = notices.due(tx)
    for notice_id in waiting:
        _deliver(parts, notice_id)


def _deliver(parts: Parts, notice_id: str) -> None:
    with parts.database.begin() as tx:
        due = notices.hold(tx, notice_id, _HOLD_SECONDS)
    if due is None:
        return
    event = due.event
    if not event.is_elsewhere and (wait_seconds := parts.wait_seconds(event.repo, "write")) > 0:
        _wait(parts, notice_id, wait_seconds)
        return
    try:
        if event.is_elsewhere:
            _show(parts, due)
        else:
            with parts.credential(reply_grant(event), run_id=None) as credential:
                parts.service(event).upsert_comment(credential, event, due.marker, f"{due.text}\n\n{due.marker}\n")
    except Paced as error:
        _wait(parts, notice_id, error.retry_after_seconds or 1.0)
        return
    except BellhopError as error:
        again = error.retryable and due.attempts < MAX_ATTEMPTS
        log.warning("notice_failed", thread=event.thread, reason=error.reason, attempt=due.attempts, gives_up=not again)
        with parts.database.begin() as tx:
            if again:
                notices.again_in(tx, due.id, backoff_seconds(due.attempts, error.retry_after_seconds, is_stated=error.is_wait_stated))
            else:
                notices.delivered(tx, due.id)
        return
    with parts.database.begin() as tx:
        notices.delivered(tx, due.id)


def _wait(parts: Parts, notice_id: str, seconds: float) -> None:
    with parts.database.begin() as tx:
        notices.wait(tx, notice_id, seconds)


def _show(parts: Parts, due: notices.Due) -> None:
    """Show a notice where somebody has spoken at a chat or planning service, to them alone. Raises ServiceError."""
    event, said_by = due.event, due.event.said_by or due.event.actor
    conversation = parts.conversations.get(event.source)
    if conversation is None:
        raise ConfigurationError(f"this worker is not set up for {event.source}")
    conversation.show(Card(
        key=f"notice-{due.id}", kind="notice", thread=event.thread, handle=event.handle, only_for=said_by.id,
        headline="Nothing was started", body=plain(due.text),
    ), "")
