"""Who somebody at a chat or planning service is at the forge: a member there, and linked, or nobody."""

from __future__ import annotations

import json

import structlog
from sqlalchemy import Connection

from app.core.account import SURFACES, Account
from app.core.card import Card
from app.core.deciding.said import said_to
from app.core.deciding.whose import account_of, can_whisper, in_words, told_of, why_nobody
from app.core.event import Actor, Event
from app.errors import ConfigurationError
from app.ledger import cards, inbox, links, tallies, waits
from app.ports import Conversation
from tasks.deciding.naming import name_of
from tasks.parts import Parts
from tasks.replying.loose_cards import show_cards

log = structlog.get_logger()

# As long as a link that was sent holds.
LINK_SECONDS = float(links.LINK_TOKEN_SECONDS)
# Who asks again later than this has lost the link, or would have it where they ask: a word for one person alone does not stay in Slack.
LINK_AGAIN_SECONDS = 60.0
_ONCE_SECONDS = 24 * 3600.0


def conversation_of(parts: Parts, event: Event) -> Conversation:
    """Return the service where the event was said. Raises ConfigurationError where this Bellhop is not set up for it."""
    found = parts.conversations.get(event.source)
    if found is None:
        raise ConfigurationError(f"an event of {event.source} is on file, and this worker is not set up for {event.source}")
    return found


def identified(parts: Parts, inbox_id: int, event: Event) -> Event | None:
    """Return the event as of the account at the forge that is linked with whoever has spoken; None: it is refused, or waits for the link.

    Raises BellhopError.
    """
    person = conversation_of(parts, event).person(event.actor.id)
    if why := why_nobody(event, person):
        _refuse(parts, inbox_id, event, why)
        return None
    if (theirs := linked(parts, event)) is not None:
        return theirs
    _have_linked(parts, inbox_id, event, account_of(event))
    return None


def linked(parts: Parts, event: Event) -> Event | None:
    """Return the event as of the account at the forge that is linked with whoever has spoken; None: none is."""
    with parts.database.read() as tx:
        link = links.of(tx, account_of(event))
    if link is None:
        return None
    return event.model_copy(update={"actor": Actor(id=str(link.github_id), login=link.login, kind="person"), "said_by": event.actor})


def settle_ignored(tx: Connection, inbox_id: int, event: Event, reason: str, why: str) -> None:
    """Write that nothing follows from an event that was never decided on."""
    inbox.settle(tx, inbox_id, state="ignored", decision=f"ignore: {reason} ({why})")
    waits.over(tx, inbox_id)
    tallies.add(tx, "decision", event.source, "ignore", reason)
    log.info("routed", decision="Ignore", reason=reason, thread=event.thread, actor=event.actor.id, why=why)


def asks(event: Event, bot_login: str) -> bool:
    """Return whether somebody waits for an answer: they address the bot, or did what rings by itself."""
    return not event.is_comment or said_to(event.text, bot_login).is_addressed


def _refuse(parts: Parts, inbox_id: int, event: Event, why: str) -> None:
    says = told_of(why) if asks(event, parts.settings.bot_login) else ""
    with parts.database.begin() as tx:
        settle_ignored(tx, inbox_id, event, why, f"{event.actor.id} {in_words(why)}")
        if says:
            cards.put_once(tx, event.source, Card(
                key=f"refused-{name_of(*account_of(event).key)}", kind="notice", thread=event.thread, handle=event.handle,
                only_for=event.actor.id, headline="Nothing was started", body=f"Nothing was started: {says}.",
            ), _ONCE_SECONDS)
    if says:
        show_cards(parts)


def _have_linked(parts: Parts, inbox_id: int, event: Event, account: Account) -> None:
    if not asks(event, parts.settings.bot_login):
        with parts.database.begin() as tx:
            settle_ignored(tx, inbox_id, event, "unlinked", f"{event.actor.id} is linked with nobody at the forge, and has addressed nobody")
        return
    with parts.database.begin() as tx:
        wait = waits.put(tx, inbox_id, "link", account, event.thread, LINK_SECONDS)
        if wait.left_seconds <= 0:
            settle_ignored(tx, inbox_id, event, "unlinked", f"{event.actor.id} was linked with nobody at the forge in time")
            return
        inbox.wait(tx, inbox_id, wait.left_seconds, f"waits until {event.actor.id} is linked with an account at the forge")
        has_link = bool(parts.settings.account_link_url) and can_whisper(event)
        cards.put_once(tx, event.source, _link_card(parts, event, account, has_link=has_link), LINK_AGAIN_SECONDS, wants_link=has_link)
    show_cards(parts)


def link_card_key(account: Account) -> str:
    """Return the key of the card by which an account is asked to link itself."""
    return f"link-{name_of(*account.key)}"


def _link_card(parts: Parts, event: Event, account: Account, *, has_link: bool) -> Card:
    surface = SURFACES.get(event.source, event.source)
    how = (
        "Open this link, which is for you alone and works once, and sign in there." if has_link
        else f"Somebody who runs Bellhop can say so: bellhop identity link {account.source} {event.actor.id} YOUR-GITHUB-LOGIN."
    )
    return Card(
        key=link_card_key(account), kind="notice", thread=event.thread, handle=event.handle, only_for=event.actor.id,
        headline="Who are you on GitHub?",
        body=f"Bellhop does here what your GitHub account may do, and does not know yet which one that is: a name in {surface} proves nothing. "
        f"{how} What you have asked for waits for {int(LINK_SECONDS // 60)} minutes.",
    )


def go_on_with_linked(parts: Parts, _host: str = "") -> None:
    """Have what waited for a link go on, and tell whoever was asked for it; the sweeper does."""
    for source in parts.conversations:
        with parts.database.begin() as tx:
            for link in links.untold(tx, source):
                waiting = waits.of_account(tx, link.account)
                for wait in waiting:
                    waits.go_on(tx, wait.inbox_id)
                if link.asked_in:
                    cards.put(tx, source, _linked_card(link, goes_on=bool(waiting)))
                links.told(tx, link)
    show_cards(parts)


def _linked_card(link: links.Link, *, goes_on: bool) -> Card:
    at = json.loads(link.asked_in)
    # A link is sent a while after the wish was uttered, and so may hold longer than that waits.
    what = "What you asked for goes on now." if goes_on else "What you asked for did not wait any longer: ask for it again."
    return Card(
        key=f"linked-{name_of(*link.account.key, str(link.linked_at_ms))}", kind="notice", thread=at["thread"], handle=at["handle"],
        only_for=at["only_for"], headline=f"Linked with {link.login} on GitHub",
        body=f"Linked with {link.login} on GitHub. {what}",
    )
