"""A run's cards: wherever its case is talked about at a chat or planning service, one that says how it stands, and one for each question."""

from __future__ import annotations

import re

from sqlalchemy import Connection

from app.core.card import Card
from app.core.event import Event
from app.core.line.budget import cost_in_words
from app.core.outcome import PullRequest
from app.core.report import BudgetNote, Question, Update
from app.core.run import Run
from app.core.showing.plan import plan_of
from app.core.showing.progress import shown_minutes
from app.core.showing.status_card import Told, answer_card, question_card, status_card
from app.errors import ConfigurationError
from app.ledger import cases, exchanges, holds, line, looks, messages, outbox, remarks, reports, runs, steps
from app.ledger.cases import Place
from app.ledger.database import clock_ms
from app.ledger.outbox import Reply
from app.ports import Conversation
from app.publish.asides import UPDATES_SHOWN, Filed, standing_of
from app.publish.describe import run_url, stage_of
from tasks.deciding.naming import name_of
from tasks.parts import Parts
from tasks.replying.answers import how_to_approve
from tasks.replying.loose_cards import PAUSED_SECONDS, card_pause

CARD = "card-"
_STEP_CHARACTERS = 120
_STEPS_LOOKED_AT = 200
_ESCAPED = re.compile(r"\\([^\w\s])")


def is_card(kind: str) -> bool:
    """Return whether a reply, by its name in the outbox, is a card of a conversation."""
    return kind.startswith(CARD)


def is_first_card(run: Run, reply: Reply) -> bool:
    """Return whether a reply is the card that says how the run stands to whoever has asked for it."""
    if not is_card(reply.kind):
        return False
    card = Card.model_validate_json(reply.body)
    return (card.kind, card.thread) == ("status", run.event.thread) and card.handle in ("", run.event.handle)


def say_cards(tx: Connection, parts: Parts, run: Run) -> None:
    """Put what the run's cards should say now, where its case is talked about; one that says so already is left alone."""
    wanted = [place for place in cases.places_of(tx, run.case_id) if place.source in parts.conversations]
    if not wanted:
        return
    told, filed = _told(tx, parts, run), reports.of_run(tx, run.id)
    if not told.plan:
        # Told long ago, and still the newest.
        told = told.model_copy(update={"plan": _plan_shown(tx, run, wanted[0])})
    last_word_at_ms = messages.newest_at_ms(tx, run.id)
    for place in wanted:
        at = {"thread": place.stands_at, "handle": _handle(run, place)}
        _put(tx, parts, run, place, "", status_card(run, told, **at))
        for row in filed:
            if isinstance(row.report, Question):
                standing = standing_of(run, Filed(row.id, row.at_ms, row.report), last_word_at_ms)
                _put(tx, parts, run, place, f"-q{row.id}", question_card(run, row.id, row.report.text, standing, **at))


def answer_in_cards(tx: Connection, parts: Parts, run: Run, said: str) -> None:
    """Put what the run's answer should say now, where its case is talked about."""
    for place in cases.places_of(tx, run.case_id):
        if place.source in parts.conversations:
            card = answer_card(run, plain(said), thread=place.stands_at, handle=_handle(run, place))
            outbox.put(tx, run.id, _kind(place, "-a"), _redacted(parts, card).model_dump_json())


def show_card(parts: Parts, run: Run, reply: Reply) -> str:
    """Have the service show the card as it should stand, and return how it is found again. Raises ServiceError."""
    card = Card.model_validate_json(reply.body)
    source = card.thread.partition(":")[0]
    conversation = parts.conversations.get(source)
    if conversation is None:
        raise ConfigurationError(f"this worker is not set up for {source}")
    shown = conversation.show(card, reply.url or "")
    if shown.thread != card.thread:
        with parts.database.begin() as tx:
            # What people write there is about the same case.
            runs.alias(tx, shown.thread, run.case_id)
            cases.call(tx, card.thread, shown.thread)
    if card.kind == "status":
        _mark(conversation, run, card)
    return shown.known


def card_wait_seconds(parts: Parts, run_id: str, kind: str) -> float:
    """Return how long the card's service, or the channel where it stands, wants to be left alone; 0: not at all."""
    with parts.database.read() as tx:
        reply = outbox.load(tx, run_id, kind)
        if reply is None:
            return 0.0
        if not looks.is_due(tx, card_pause(_source_of(reply))):
            return PAUSED_SECONDS
    return parts.wait_seconds_in(Card.model_validate_json(reply.body).thread)


def postpone(parts: Parts, reply: Reply, seconds: float) -> None:
    """Leave a card's service alone for so long: the limit is the service's, whatever is said there."""
    with parts.database.begin() as tx:
        looks.postpone(tx, card_pause(_source_of(reply)), seconds)


def _source_of(reply: Reply) -> str:
    return Card.model_validate_json(reply.body).thread.partition(":")[0]


def plain(said: str) -> str:
    """Return words that were made inert for GitHub as they read there."""
    return _ESCAPED.sub(r"\1", said.replace("\u200b", ""))


def _mark(conversation: Conversation, run: Run, card: Card) -> None:
    """Have what the thread is about say, beyond its card, that work has begun, and where its result stands."""
    at = event_at(run.event, card)
    if card.state == "working":
        conversation.begun(at)
    elif isinstance(run.outcome, PullRequest):
        conversation.attach(at, run.outcome.url, run.outcome.title)


def event_at(event: Event, card: Card) -> Event:
    """Return a run's event as if it stood where the card does."""
    if event.thread == card.thread:
        return event
    return event.model_copy(update={"source": card.thread.partition(":")[0], "thread": card.thread, "handle": card.handle, "places": (), "url": ""})


def _handle(run: Run, place: Place) -> str:
    return run.event.handle if run.event.thread == place.thread and not place.handle else place.handle


def _kind(place: Place, what: str) -> str:
    return f"{CARD}{name_of(place.thread, place.handle)[:16]}{what}"


def _put(tx: Connection, parts: Parts, run: Run, place: Place, what: str, card: Card) -> None:
    outbox.put_news(tx, run.id, _kind(place, what), _redacted(parts, card).model_dump_json())


def _redacted(parts: Parts, card: Card) -> Card:
    """Return a card whose words have no secrets: before it is written as JSON, which would hide one in its escapes."""
    without = parts.redacted_words
    return card.model_copy(update={
        "headline": without(card.headline), "body": without(card.body), "facts": tuple(without(each) for each in card.facts),
        "plan": tuple((without(step), is_done) for step, is_done in card.plan),
    })


def _told(tx: Connection, parts: Parts, run: Run) -> Told:
    place = line.place_of(tx, run, parts.caps)
    filed = [row.report for row in reports.of_run(tx, run.id)]
    notes = [*remarks.of_run(tx, run.id), *(each.text for each in filed if isinstance(each, BudgetNote))]
    hold = holds.load(tx, run.id)
    stands = "" if hold is None else "expired" if hold.state == "open" and holds.is_expired(tx, hold) else hold.state
    updates = tuple(each.text for each in filed if isinstance(each, Update))
    return Told(
        plan=_plan(tx, run), stage=place.words if place is not None else stage_of(run), facts=_facts(tx, run), updates=updates[-UPDATES_SHOWN:], notes=tuple(notes),
        approval=plain(how_to_approve(tx, run, parts.settings.bot_login)), hold=stands, page=run_url(parts.settings.link_url, run.id),
    )


def _facts(tx: Connection, run: Run) -> tuple[str, ...]:
    """Return what changes seldom enough to be shown: each edit is a request to a service that counts them."""
    is_over = run.state == "done"
    minutes, until_ms = _shown_until(tx, run)
    used = exchanges.usage(tx, run.id, until_ms=until_ms)
    cost = cost_in_words(used.cost_micro_usd, used.turns, used.unpriced)
    last = "" if is_over else _last_step(tx, run.id, until_ms)
    said = (f"{'after' if is_over else 'for'} {minutes} min" if minutes else "", cost if used.turns else "", f"last: {last}" if last else "")
    return tuple(each for each in said if each)


def _shown_until(tx: Connection, run: Run) -> tuple[int, int]:
    """Return how many minutes a run has taken, as far as is shown, and up to when what has happened is."""
    if run.state == "done":
        return (run.updated_at_ms - run.created_at_ms) // 60_000, run.updated_at_ms
    minutes = shown_minutes(clock_ms(tx) - run.created_at_ms)
    return minutes, run.created_at_ms + minutes * 60_000


def _plan(tx: Connection, run: Run) -> tuple[tuple[str, bool], ...]:
    """Return the newest list of what the agent means to do."""
    until_ms = _shown_until(tx, run)[1]
    found = [row.step.text for row in steps.before(tx, run.id, limit=_STEPS_LOOKED_AT) if row.at_ms <= until_ms and row.step.kind == "plan"]
    return plan_of(found[-1]) if found else ()


def _plan_shown(tx: Connection, run: Run, place: Place) -> tuple[tuple[str, bool], ...]:
    reply = outbox.load(tx, run.id, _kind(place, ""))
    return () if reply is None else Card.model_validate_json(reply.body).plan


def _last_step(tx: Connection, run_id: str, until_ms: int) -> str:
    found = [row for row in steps.before(tx, run_id, limit=_STEPS_LOOKED_AT) if row.at_ms <= until_ms and row.step.kind in ("message", "tool_call", "file_change")]
    return " ".join(found[-1].step.text.split())[:_STEP_CHARACTERS] if found else ""
