"""One intent in several events: a label, an assignment and a comment within seconds are one run, in whatever order they come; pure."""

from __future__ import annotations

from app.core.event import Event

# So long before what starts a run a person's words in its thread are part of the wish.
WITHIN_MS = 10_000


def is_part_of(words: Event, start: Event) -> bool:
    """Return whether words that were passed over, because they addressed nobody, belong to what has started a run since.

    Only those of the person who rang: nobody has asked what others may do.
    """
    # Words at another service that came to nothing say neither whose they are at the forge nor which repository they mean.
    rang, is_there = start.said_by or start.actor, words.repo.id == start.repo.id or not words.repo.is_said
    return (
        words.is_comment and words.thread == start.thread and is_there
        and words.actor.kind == "person" and (words.source, (words.said_by or words.actor).id) == (start.source, rang.id)
    )
