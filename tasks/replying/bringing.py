"""How each kind of reply is brought about at the service, and the one grant that it takes."""

from __future__ import annotations

from app.core.event import Event
from app.core.grant import Credential, Grant
from app.core.line.turns import Act
from app.core.run import comment_marker
from app.core.showing.check import CHECK, CHECK_PUSHED, Check
from app.core.showing.receipt import RECEIPT, Receipt, is_in_pull
from app.ledger.outbox import Reply
from app.ports import Service
from tasks.grants import check_grant, reply_grant


def is_spare(kind: str) -> bool:
    """Return whether a reply stands beside the comment that says the same: where it is refused, nobody misses a word."""
    return kind in (CHECK, CHECK_PUSHED) or kind.startswith(RECEIPT)


def act_of(kind: str) -> Act:
    """Return what kind of request bringing the reply about is."""
    return "spare" if is_spare(kind) else "write"


def grant_of(event: Event, kind: str) -> Grant:
    """Return what bringing the reply about needs; `event` is the run's, as if it stood where the reply belongs."""
    if kind in (CHECK, CHECK_PUSHED):
        return check_grant(event)
    if kind.startswith(RECEIPT):
        event = event.model_copy(update={"is_pull_request": is_in_pull(kind)})
    return reply_grant(event)


def bring_about(service: Service, credential: Credential, event: Event, reply: Reply) -> str:
    """Have the service hold the reply as it should stand, and return its URL (empty: it has none). Raises ServiceError."""
    if reply.kind in (CHECK, CHECK_PUSHED):
        return service.upsert_check(credential, event.repo, Check.model_validate_json(reply.body))
    if reply.kind.startswith(RECEIPT):
        service.acknowledge(credential, event.repo, Receipt.model_validate_json(reply.body))
        return ""
    return service.upsert_comment(credential, event, comment_marker(reply.run_id, reply.kind), reply.body)
