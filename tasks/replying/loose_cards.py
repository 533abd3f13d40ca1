"""Bringing cards that belong to no run to where they are read: at once, and again by the sweeper where the service did not take them."""

from __future__ import annotations

import json
import posixpath
from urllib.parse import urlencode

import structlog

from app.core.card import Card, Link
from app.core.deciding.whose import account_named
from app.errors import BellhopError, Paced
from app.ledger import cards, links, looks
from app.ledger.cards import Due
from app.ports import Conversation
from tasks.parts import Parts
from tasks.replying.waiting import backoff_seconds

log = structlog.get_logger()

_HOLD_SECONDS = 120.0
# A service that wants to be left alone is asked again then.
PAUSED_SECONDS = 15.0
# Nobody waits for it for long.
MAX_ATTEMPTS = 8


def card_pause(source: str) -> str:
    """Return the name of what a conversation's rate limit is counted by."""
    return f"pause {source} cards"


def show_cards(parts: Parts, _host: str = "") -> None:
    """Show what is due; what fails is due again later, a few times."""
    with parts.database.read() as tx:
        waiting = cards.due(tx)
    for key in waiting:
        with parts.database.begin() as tx:
            due = cards.hold(tx, key, _HOLD_SECONDS)
            if due is not None and not looks.is_due(tx, card_pause(due.source)):
                cards.wait(tx, key, PAUSED_SECONDS)
                due = None
        if due is not None and parts.wait_seconds_in(due.card.thread) > 0:
            # Due as it was: it is the next that is written there.
            with parts.database.begin() as tx:
                cards.wait(tx, key, 0)
        elif due is not None:
            _show(parts, due)


def _show(parts: Parts, due: Due) -> None:
    try:
        conversation = parts.conversations.get(due.source)
        if conversation is None:
            raise BellhopError(f"this worker is not set up for {due.source}", reason="not_set_up")
        shown = conversation.show(_with_link(parts, conversation, due) if due.wants_link else due.card, due.known)
    except Paced as error:
        with parts.database.begin() as tx:
            cards.wait(tx, due.card.key, error.retry_after_seconds or 1.0)
        return
    except BellhopError as error:
        again = error.retryable and due.attempts < MAX_ATTEMPTS
        log.warning("card_failed", card=due.card.key, thread=due.card.thread, reason=error.reason, attempt=due.attempts, gives_up=not again)
        with parts.database.begin() as tx:
            wait_seconds = backoff_seconds(due.attempts, error.retry_after_seconds, is_stated=error.is_wait_stated)
            if error.retry_after_seconds is not None:
                looks.postpone(tx, card_pause(due.source), wait_seconds)
            if again:
                cards.again_in(tx, due.card.key, wait_seconds)
            else:
                cards.shown(tx, due, due.known)
        return
    with parts.database.begin() as tx:
        cards.shown(tx, due, shown.known)


def _with_link(parts: Parts, conversation: Conversation, due: Due) -> Card:
    """Return the card with a link that is made now, for the one account that sees it: of the token only a hash is kept."""
    card = due.card
    asked_in = json.dumps({"thread": card.thread, "handle": card.handle, "only_for": card.only_for})
    # Whoever confirms it sees whose account it is.
    account = account_named(due.source, card.only_for, conversation.person(card.only_for).name)
    with parts.database.begin() as tx:
        token = links.link_token(tx, account, asked_in)
    url = f"{posixpath.join(parts.settings.account_link_url, 'link')}?{urlencode({'token': token})}"
    return card.model_copy(update={"links": (Link(label="Link with GitHub", url=url),)})
