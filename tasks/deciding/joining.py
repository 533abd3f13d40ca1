"""One job with several names: what the words of somebody who may ring link to, and what goes by another name, is about the same case."""

from __future__ import annotations

import structlog
from sqlalchemy import Connection

from app.core.decide import Decision, Ignore
from app.core.event import Event
from app.core.showing.reply import thread_in
from app.core.words.links import names_in, names_of
from app.ledger import cases, runs
from app.ledger.cases import Joined
from tasks.parts import Parts

log = structlog.get_logger()


def joined(parts: Parts, event: Event, decision: Decision) -> Joined:
    """Make what a permitted event is about one case with what it links to; what has changed so is decided on anew.

    Nothing follows from the words of somebody who may not ring, nor from an issue's own text, which may be a stranger's.
    """
    if isinstance(decision, Ignore) or event.actor.kind != "person":
        return Joined(False)
    links = names_in(event.text, parts.settings.github_web_url, parts.settings.linear_web_url) if event.is_comment else ()
    if not event.is_elsewhere and not links:
        return Joined(False)
    with parts.database.begin() as tx:
        if event.is_elsewhere:
            cases.note_place(tx, event.thread, "" if event.source == "slack" else event.handle)
        is_news, apart = False, ""
        for name in (*_own(tx, event), *_linked(tx, event, links)):
            found = cases.join(tx, event.thread, name, event.repo.id)
            is_news, apart = is_news or found.is_news, apart or found.apart
        if event.is_elsewhere:
            for name in names_of(event):
                cases.call(tx, name, event.thread)
    if is_news:
        log.info("case_joined", thread=event.thread)
    return Joined(is_news, apart)


def _own(tx: Connection, event: Event) -> list[str]:
    """Return the other names of the event's own thread by which somebody has linked to it before."""
    return [name for name in names_of(event) if cases.known_case(tx, name) is not None]


def _linked(tx: Connection, event: Event, links: tuple[str, ...]) -> list[str]:
    """Return what the words link to, that may be the same job: on another surface, one of each, and nothing of another repository."""
    found: dict[str, str] = {}
    for name in links:
        source = name.partition(":")[0]
        if source == "github":
            repository, _, number = name.removeprefix("github:").partition("#")
            if repository.casefold() != event.repo.full_name.casefold():
                continue
            name = thread_in(event.repo.full_name, int(number))  # noqa: PLW2901 - the same, as the ledger spells it
        meant = cases.meant_by(tx, name)
        if source not in (event.source, *found) and _has_room(tx, event, source, meant):
            found[source] = meant
    return list(found.values())


def _has_room(tx: Connection, event: Event, source: str, other: str) -> bool:
    """Return whether the event's case has no name on that surface yet: people link to much that is another job."""
    case_id = cases.known_case(tx, event.thread)
    if case_id is None or cases.known_case(tx, other) == case_id:
        return True
    if source == "github":
        start = thread_in(event.repo.full_name, 0)[:-1]
        # A pull request that it has opened itself is no other job.
        return runs.newest_number(tx, case_id, start) is None
    return not any(name.startswith(f"{source}:") for name in cases.threads_of(tx, case_id))
