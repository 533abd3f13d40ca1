"""Showing a card in an agent session: as an activity, with the session's plan and links beside it.

https://linear.app/developers/agent-interaction
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from app.core.card import Card
from triggers.linear.activity import Activity, activity_of
from triggers.linear.connection import LinearConnection, LinearRefused
from triggers.linear.ids import digest, own_id
from triggers.linear.markdown import is_address

_ENDS = ("AgentActivityResponseContent", "AgentActivityErrorContent")
_NOTHING = "-"


def show_in_session(linear: LinearConnection, card: Card, known: str) -> str:
    """Say what the card says, unless it is said, and return what is known of it now: the last activity's id, and what was said and set.

    An activity's id comes of the one before and of its words, so that a call that came to nothing half-way says nothing twice.
    Raises ServiceError.
    """
    last, said, beside = (known.split(" ") + [_NOTHING] * 3)[:3] if known else [_NOTHING] * 3
    wanted = activity_of(card)
    if wanted is not None:
        now_says = digest(wanted.once or wanted.model_dump())
        if said != now_says:
            activity_id = own_id(card.thread, card.handle, card.key, *((wanted.once,) if wanted.once else (last, now_says)))
            _say(linear, card.handle, activity_id, wanted)
            last, said = activity_id, now_says
    if card.kind == "status":
        beside = _set(linear, card, beside)
    return f"{last} {said} {beside}"


def _say(linear: LinearConnection, session_id: str, activity_id: str, wanted: Activity) -> None:
    if _is_there(linear, activity_id):
        return
    content = dict(wanted.content)
    if wanted.is_last_word_if_idle and _is_idle(linear, session_id):
        content["type"] = "response"
    given: dict[str, Any] = {"id": activity_id, "agentSessionId": session_id, "content": content, "ephemeral": wanted.is_ephemeral}
    if wanted.signal:
        given |= {"signal": wanted.signal, "signalMetadata": wanted.metadata}
    try:
        linear.ask("activity_create", input=given)
    except LinearRefused:
        # Somebody may have said it meanwhile.
        if not _is_there(linear, activity_id):
            raise


def _is_there(linear: LinearConnection, activity_id: str) -> bool:
    try:
        linear.ask("activity", id=activity_id)
    except LinearRefused as error:
        if error.is_not_found:
            return False
        raise
    return True


def _is_idle(linear: LinearConnection, session_id: str) -> bool:
    """Return whether the last that the app said in a session was its last word, or it has said nothing."""
    # The newest first, as Linear sorts.
    nodes = linear.ask("session_said", id=session_id)["agentSession"]["activities"]["nodes"]
    kinds = [node["content"]["__typename"] for node in nodes if node["content"]["__typename"] != "AgentActivityPromptContent"]
    return not kinds or kinds[0] in _ENDS


def _set(linear: LinearConnection, card: Card, beside: str) -> str:
    """Bring the session's links and plan to what the card has, and return their name as they stand."""
    links = [{"label": link.label, "url": link.url} for link in card.links if is_address(link.url)]
    steps = _steps(card)
    if not links and not steps:
        return beside
    wanted = digest(links, steps)
    if wanted == beside:
        return beside
    if links:
        linear.ask("session_update", id=card.handle, input={"externalUrls": links})
    if steps:
        # Linear's schema says of a plan only that it is JSON: one that is refused is no reason to say nothing else.
        with suppress(LinearRefused):
            linear.ask("session_update", id=card.handle, input={"plan": steps})
    return wanted


def _steps(card: Card) -> list[dict[str, str]]:
    """Return the plan's steps: of what is not done, the first is under way."""
    first_open = next((index for index, (_, is_done) in enumerate(card.plan) if not is_done), len(card.plan))
    is_under_way, over = not card.is_final, "canceled" if card.is_final else "pending"
    return [
        {"content": step, "status": "completed" if is_done else "inProgress" if index == first_open and is_under_way else over}
        for index, (step, is_done) in enumerate(card.plan)
    ]
