"""Reading the thread that a request stands in, once, for the run that it starts: members' words and pictures, bounded, kept with the run."""

from __future__ import annotations

import time
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from app.core.decide import Decision, Start
from app.core.event import Event
from app.core.person import Spoken
from app.core.run import Run, new_id
from app.core.thread_before import MOST_PICTURES, PICTURES_BYTES, Said, ThreadBefore, newest
from app.core.words.picture import kind_of
from app.errors import BellhopError, ServiceError
from app.ledger import remarks, threads_before
from app.ports import Conversation
from tasks.deciding.identity import conversation_of
from tasks.parts import Parts

log = structlog.get_logger()

# Routing holds its event for two minutes: what a slow service has not handed over by then stays out.
_PATIENCE_SECONDS = 30.0
_AUTHOR_CHARACTERS = 80


class Read(NamedTuple):
    """What was read, and the pictures by their names."""

    before: ThreadBefore
    pictures: dict[str, bytes]


def read_thread(parts: Parts, event: Event, decision: Decision, already: Read | None) -> Read | None:
    """Return what the run that a decision starts is told of its thread; None for whatever starts none, or was said at a forge.

    Only what somebody may ring for is read for, and once, whatever is decided on anew: `already` is returned where there is one. A thread that
    cannot be read keeps no run from its work. Raises nothing.
    """
    if already is not None or not isinstance(decision, Start) or not event.is_elsewhere:
        return already
    try:
        conversation = conversation_of(parts, event)
        found = conversation.history(event)
    except BellhopError as error:
        log.warning("thread_not_read", thread=event.thread, reason=error.reason, error=str(error))
        return Read(ThreadBefore(unread=parts.redacted_words(str(error))[:300]), {})
    spoken = newest(found.spoken)
    pictures, names = _pictures(conversation, spoken)
    said = tuple(
        Said(author=_author(parts, each), text=each.text, pictures=tuple(names[one] for one in each.images if one in names)) for each in spoken
    )
    wanted = len({one for each in spoken for one in each.images})
    return Read(ThreadBefore(
        said=tuple(each for each in said if each.text.strip() or each.pictures), left_out=found.left_out, pictures_left_out=wanted - len(names),
    ), pictures)


def keep_thread(tx: Connection, run: Run | None, decision: Decision, read: Read | None) -> None:
    """Put on file what was read, with the run that it was read for; the people who asked are told of what is missing."""
    if run is None or read is None or not isinstance(decision, Start):
        return
    threads_before.keep(tx, run.id, read.before, read.pictures)
    for remark in read.before.remarks:
        remarks.add(tx, run.id, remark)


def _pictures(conversation: Conversation, spoken: tuple[Spoken, ...]) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the newest pictures that fit by names of ours, and these names by the service's ids."""
    until = time.monotonic() + _PATIENCE_SECONDS
    wanted = list(dict.fromkeys(one for each in reversed(spoken) for one in each.images))[:MOST_PICTURES]
    # Of a name that no earlier run's pictures have, which may lie in the same HOME.
    prefix, left = new_id(6), PICTURES_BYTES
    contents: dict[str, bytes] = {}
    names: dict[str, str] = {}
    for image_id in wanted:
        content = _picture(conversation, image_id) if time.monotonic() < until else b""
        kind = kind_of(content)
        if not kind or len(content) > left:
            continue
        left -= len(content)
        name = f"{prefix}-{len(names) + 1}.{kind}"
        contents[name], names[image_id] = content, name
    return contents, names


def _picture(conversation: Conversation, image_id: str) -> bytes:
    try:
        return conversation.image(image_id)
    except ServiceError as error:
        log.warning("picture_not_read", reason=error.reason, error=str(error))
        return b""


def _author(parts: Parts, each: Spoken) -> str:
    return " ".join(parts.redacted_words(each.author).split())[:_AUTHOR_CHARACTERS] or "somebody"
