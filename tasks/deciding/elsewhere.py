"""What comes before deciding on something said at a chat or planning service: whose word it is at the forge, and about which repository."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection

from app.core.decide import needs_permission
from app.core.deciding.placing import answered_with
from app.core.deciding.said import said_to
from app.core.deciding.whose import account_of
from app.core.event import Event
from app.core.run import Run
from app.ledger import cards, inbox, remarks, repositories, runs, tallies, waits
from app.ledger.waits import Wait
from tasks.deciding.facts import known_of, replaced
from tasks.deciding.identity import asks, conversation_of, identified, linked
from tasks.deciding.placing import FORGE, can_see, menu_card, menu_name, of_its_case, placed
from tasks.parts import Parts
from tasks.replying.cards import say_cards
from tasks.replying.loose_cards import show_cards

_CHOICE = ".choice"


class Prepared(NamedTuple):
    """An event as it can be decided on, and in words how it came to be that."""

    event: Event
    why: tuple[str, ...] = ()


def prepared(parts: Parts, inbox_id: int, event: Event) -> Prepared | None:
    """Return an event as it can be decided on; None: it is settled, or waits for its person. One of a forge is that already.

    What nobody has addressed costs no question and no answer. Raises BellhopError.
    """
    if not event.is_elsewhere or event.said_by is not None:
        return Prepared(event)
    event = of_its_case(parts, _completed(parts, event))
    if _answers(parts, inbox_id, event):
        return None
    with parts.database.read() as tx:
        known = known_of(tx, event, parts.settings.bot_login)
    if replaced(known, event) or not needs_permission(event, parts.profiles, known.facts):
        return Prepared(event)
    theirs = identified(parts, inbox_id, event)
    found = placed(parts, inbox_id, theirs) if theirs is not None else None
    if theirs is None or found is None:
        return None
    return Prepared(found[0], (f"{event.actor.id} is linked with {theirs.actor.login} (id {theirs.actor.id})", found[1]))


def settled(tx: Connection, parts: Parts, inbox_id: int, event: Event, run: Run | None, apart: str) -> None:
    """Put on file whose word the event was and what it was about, in the transaction that carries its decision out; have the run shown there.

    `apart` is the run of a job that its words link to, and which is kept apart from this one.
    """
    if run is not None and apart:
        remarks.add(tx, run.id, f"This is kept apart from run {apart}, to whose job the words link: each of them stands outside already.")
    if event.said_by is not None:
        # Who has spoken before an approval is looked up in what is on file: it must be the account that could approve.
        inbox.revise_event(tx, inbox_id, event)
        waits.over(tx, inbox_id)
    if run is not None:
        say_cards(tx, parts, run)


def _completed(parts: Parts, event: Event) -> Event:
    """Return the event with what its delivery leaves out, which costs a question: only of what is said to the bot, and to a run only where words are left out."""
    if event.kind.endswith(_CHOICE) or not asks(event, parts.settings.bot_login):
        return event
    has_words = not event.is_comment or bool(_words(event, parts.settings.bot_login).strip())
    with parts.database.read() as tx:
        is_to_a_run = runs.live_in_thread(tx, event.thread) is not None
    return event if is_to_a_run and has_words else conversation_of(parts, event).complete(event)


def _answers(parts: Parts, inbox_id: int, event: Event) -> bool:
    """Take an event that answers which repository is meant, so that what was asked for goes on as its person's; False for any other."""
    is_choice = event.kind.endswith(_CHOICE)
    with parts.database.read() as tx:
        waiting = waits.open_of(tx, account_of(event))
        # A menu that is shown to one person alone stands in no thread: it says itself what it was about.
        own = [each for each in waiting if menu_name(each.inbox_id) == event.button] if is_choice else _asked_there(waiting, event)
        offered = {repo.full_name: repo for repo in repositories.known(tx, FORGE)} if own else {}
    words = _words(event, parts.settings.bot_login)
    chosen = answered_with(words, offered)
    if chosen in offered and "/" not in words:
        # A guess at a name is no answer where they may not know that it is there.
        theirs = linked(parts, event)
        chosen = chosen if theirs is not None and can_see(parts, theirs, offered[chosen]) else ""
    if not is_choice and not (own and chosen):
        return False
    _take(parts, inbox_id, event, own, chosen)
    return True


def _asked_there(waiting: list[Wait], event: Event) -> list[Wait]:
    """Return what waits in the event's own thread; else the newest in its channel of what stands in no thread yet, as a command does."""
    channel = event.thread.rpartition("/")[0]
    of_thread = [each for each in waiting if each.thread == event.thread]
    of_channel = [each for each in waiting if channel and each.thread.startswith((f"{channel}/command-", f"{channel}/form-"))]
    return of_thread or of_channel[-1:]


def _take(parts: Parts, inbox_id: int, event: Event, own: list[Wait], chosen: str) -> None:
    with parts.database.begin() as tx:
        if not own or not chosen:
            why = "it names none of the repositories" if own else "nothing that this person has asked for waits for it"
            inbox.settle(tx, inbox_id, state="ignored", decision=f"ignore: no_answer ({event.actor.id} has chosen a repository, and {why})")
            tallies.add(tx, "decision", event.source, "ignore", "no_answer")
            return
        for wait in own:
            waits.choose(tx, wait.inbox_id, chosen)
            waits.go_on(tx, wait.inbox_id)
            entry = inbox.load(tx, wait.inbox_id)
            if entry is not None and cards.is_there(tx, menu_card(wait.inbox_id, entry.event, "").key):
                cards.put(tx, event.source, menu_card(wait.inbox_id, entry.event, f"In {chosen}."))
        inbox.settle(tx, inbox_id, state="routed", decision=f"answer: {event.actor.id} says that {chosen} is meant by event {own[0].inbox_id}")
        tallies.add(tx, "decision", event.source, "answer", "")
    for wait in own:
        parts.wakeup.route(wait.inbox_id)
    show_cards(parts)


def _words(event: Event, bot_login: str) -> str:
    """Return what is said, without the bot's name before it."""
    said = said_to(event.text, bot_login)
    if said.repo:
        return said.repo
    words = event.text.strip()
    name = f"@{bot_login.removesuffix('[bot]')}"
    return words[len(name):] if words.casefold().startswith(name.casefold()) else words
