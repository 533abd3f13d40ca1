"""The one comment of a run that answers what people ask about it: edited in place each time, however often they ask."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection

from app.core.deciding.approval import SHOWN_CHARACTERS
from app.core.line.budget import cost_in_words
from app.core.outcome import Held
from app.core.run import Run, comment_marker
from app.ledger import exchanges, holds, outbox
from app.ledger.database import clock_ms
from app.publish.describe import run_url, stage_of
from app.publish.inert import Inert, address, line, span, words
from app.publish.templates import duration
from tasks.parts import Parts

ANSWER = "answer"


def answer(tx: Connection, parts: Parts, run: Run, said: str) -> None:
    """Put what the run's answer should say now; words of others in it are taken for plain ones."""
    body = said if isinstance(said, Inert) else words(said)
    outbox.put(tx, run.id, ANSWER, f"{parts.redacted(body)}\n\n{comment_marker(run.id, ANSWER)}\n")


def status_of(tx: Connection, parts: Parts, run: Run) -> Inert:
    """Return how a run stands, in one line: its state, since when, what it has cost, what it waits for."""
    now_ms = clock_ms(tx)
    used = exchanges.usage(tx, run.id)
    cost = cost_in_words(used.cost_micro_usd, used.turns, used.unpriced)
    since = duration(max(0, (now_ms if run.state != "done" else run.updated_at_ms) - run.created_at_ms))
    if run.outcome is None:
        stands = f"{stage_of(run)}, for {since} so far"
        if run.cancel_requested or run.stopped_by:
            stands += ", and it is to end"
    elif isinstance(run.outcome, Held):
        stands = f"waits for an approval{_missing(tx, run)}"
    else:
        stands = f"ended as {run.outcome.kind.replace('_', ' ')} after {since}"
    parts_of_it = [f"Run {span(run.id)} (profile {span(run.profile.name)}): {stands}"]
    if cost:
        parts_of_it.append(f"{words(cost)} of its model")
    if url := getattr(run.outcome, "url", ""):
        parts_of_it.append(address(url))
    page = run_url(parts.settings.link_url, run.id)
    if page:
        parts_of_it.append(f"[transcript]({address(page)})")
    return Inert(f"{'; '.join(parts_of_it)}. (At {when(now_ms)}.)")


def when(at_ms: int) -> Inert:
    """Return a moment for people, in UTC."""
    return Inert(f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC")


def how_to_approve(tx: Connection, run: Run, bot_login: str) -> Inert:
    """Return what becomes of a result that waits: who has said yes, what is missing, and the words for it."""
    hold = holds.load(tx, run.id)
    if hold is None:
        return Inert("")
    approval, given = run.profile.approval, holds.given(tx, run.id)
    by = f" Approved by {', '.join(span(each.login) for each in given)}." if given else ""
    if hold.state != "open":
        return Inert(by.strip())
    if holds.is_expired(tx, hold):
        return Inert(f"Its time is over, so nothing comes of it any more.{by}")
    bot, short = line(bot_login.removesuffix("[bot]")), hold.binds[:SHOWN_CHARACTERS]
    missing = approval.approvers - len(given)
    who = f"{missing} people" if missing > 1 else "somebody"
    if given:
        who = f"{missing} more"
    needs = span(approval.permission or run.profile.who.permission)
    besides = ", but not those who asked for it" if approval.requester == "exclude" else ""
    return Inert(
        f"To go on, {who} with {needs} here{besides} must write `@{bot} approve {short}`; `@{bot} reject` drops it. "
        f"It waits until {when(hold.expires_at_ms)}.{by}"
    )


def _missing(tx: Connection, run: Run) -> str:
    hold = holds.load(tx, run.id)
    if hold is None or hold.state != "open":
        return "" if hold is None else f", and was {hold.state}"
    if holds.is_expired(tx, hold):
        return ", and its time is over"
    return f" ({len(holds.given(tx, run.id))} of {run.profile.approval.approvers} so far), until {when(hold.expires_at_ms)}"
