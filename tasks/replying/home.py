"""The place of a run whose event has no issue: the pull request that it has opened, or an issue of Bellhop's own."""

from __future__ import annotations

import re

from sqlalchemy import Connection

from app.core.event import Event
from app.core.grant import Credential
from app.core.outcome import Held, PullRequest
from app.core.run import COMMENT, Run
from app.core.showing.reply import home_marker, must_be_read, thread_in
from app.errors import ServiceError
from app.ledger import outbox, runs
from app.ledger.outbox import Reply
from app.publish.describe import TEMPLATES_DIR
from app.publish.inert import Inert, line
from app.publish.templates import render
from tasks.parts import Parts

# https://docs.github.com/en/rest/issues/comments#get-an-issue-comment (`html_url`)
_COMMENT_URL = re.compile(r"/(issues|pull)/([1-9][0-9]{0,17})#")
_TEMPLATE = "replies/home.md.j2"


def place_of(tx: Connection, run: Run, reply: Reply) -> Event | None:
    """Return the run's event as if it stood where the reply belongs; its number is None where an issue is to be opened first.

    None: nobody is told, because nobody has to read it, or because the profile wants nothing opened for it. Raises ServiceError
    for a word beside the run's one comment that has to wait for that.
    """
    event = run.event
    if event.number is not None:
        return event
    if event.is_elsewhere or event.kind == "by_hand":
        # A run started by hand has no thread to reply in; its outcome is on the page and in the terminal.
        return _beside(tx, run) if event.is_elsewhere else None
    status = outbox.load(tx, run.id, COMMENT)
    if (standing := _at(event, reply.url) or _at(event, status.url if status else None)) is not None:
        return standing
    if isinstance(run.outcome, PullRequest):
        return event.model_copy(update={"number": run.outcome.number, "is_pull_request": True})
    # What waits for an approval waits for ever where nobody could give one.
    is_silent = run.profile.reply == "silent" and not isinstance(run.outcome, Held)
    if is_silent or not must_be_read(run, outbox.kinds(tx, run.id)):
        return None
    if reply.kind != COMMENT:
        # Whoever holds the row of the one comment is alone with it, so that no two open an issue.
        raise ServiceError("what this run says beside its comment waits for that one", reason="no_place_yet")
    return event


def _beside(tx: Connection, run: Run) -> Event | None:
    """Return where at the forge a run is told of that its card tells of elsewhere: its case's issue, else its pull request; None: nowhere."""
    number = runs.newest_number(tx, run.case_id, thread_in(run.event.repo.full_name, 0)[:-1])
    if number is not None:
        return run.event.model_copy(update={"number": number})
    if isinstance(run.outcome, PullRequest):
        return run.event.model_copy(update={"number": run.outcome.number, "is_pull_request": True})
    return None


def open_home(parts: Parts, credential: Credential, run: Run) -> Event:
    """Find or open the issue of the run's conversation, make it a part of that, and return the event as if it stood there.

    Raises ServiceError, ProfileError.
    """
    event, marker = run.event, home_marker(run.thread)
    with parts.database.read() as tx:
        known = runs.newest_number(tx, run.case_id, thread_in(event.repo.full_name, 0)[:-1])
    title = line(f"Bellhop: {parts.redacted_words(event.title) or run.profile.name}", 120)
    # A team's own templates may be older than this one.
    own = parts.settings.templates_dir
    body = render(own if (own / _TEMPLATE).is_file() else TEMPLATES_DIR, _TEMPLATE, run=run, event=event, profile=run.profile, marker=Inert(marker))
    number = parts.service(event).ensure_issue(credential, event.repo, marker=marker, title=title, body=body, known=known)
    with parts.database.begin() as tx:
        # What people say there is about the same case.
        runs.alias(tx, thread_in(event.repo.full_name, number), run.case_id)
    return event.model_copy(update={"number": number})


def _at(event: Event, url: str | None) -> Event | None:
    """Return the event as if it stood where a comment of its run does; None for one that is nowhere yet."""
    found = _COMMENT_URL.search(url or "")
    if found is None:
        return None
    return event.model_copy(update={"number": int(found[2]), "is_pull_request": found[1] == "pull"})
