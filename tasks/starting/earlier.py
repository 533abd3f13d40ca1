"""What a follow-up goes on with: the agent's own HOME where that may be, and what was said and done before."""

from __future__ import annotations

from collections.abc import Collection

import structlog
from sqlalchemy import Connection

from app.core.deciding.standing import NOBODYS_WORD
from app.core.event import Event
from app.core.noun import Noun
from app.core.ringing.webhook_source import WEBHOOK
from app.core.run import Run
from app.core.sandbox.follow_up import why_a_home_of_its_own
from app.core.words.seen import as_seen
from app.errors import PublishRefused
from app.ledger import messages, runs
from app.publish.proposal import Proposal
from tasks.parts import Parts

log = structlog.get_logger()

# Of a long conversation, the first request and the last few say most.
_MOST_RUNS = 5


class Word(Noun):
    """One thing that was said, each line of `text` behind `> `, so that no words in it look like another one.

    `who` is whoever is known to have written it, or says that nobody is; empty for the agent.
    """

    who: str = ""
    text: str


# Whoever puts a label on an issue need not have written it, nor need who comments on it have given it its title.
_ANYBODY = "The issue or pull request, which anybody may have written"


def home_for(parts: Parts, run: Run, readable: Collection[str]) -> str | None:
    """Return the run whose HOME this one goes on in, or None for an empty one; once given, it stays the same.

    `readable` are the permissions that the run has now. Raises PublishRefused when it may not have any more what it was given.
    """
    given = parts.workspaces.continues(f"{run.id}-work")
    with parts.database.read() as tx:
        past = runs.before(tx, run)
    found = next(
        (each for each in past if (each.id == given.run_id if given is not None else parts.workspaces.homes.has(each.id))), None
    )
    if found is None:
        return None
    why = why_a_home_of_its_own(run, found, readable)
    if not why:
        return found.id
    log.info("home_not_given", run_id=run.id, of=found.id, why=why)
    if given is not None:
        raise PublishRefused(f"This run cannot go on in the session that it was given: {why}. Ring again.", reason="session_not_given")
    return None


def said_before(tx: Connection, run: Run, *, home_of: str | None) -> list[Word]:
    """Return what was said in the runs that this one follows up, oldest first, but for what its agent remembers.

    `home_of` is the run whose session goes on (None: none does): of that one, only what came too late for it is said.
    """
    past = runs.before(tx, run)
    at = next((at for at, each in enumerate(past) if each.id == home_of), len(past))
    untold = past[:at]
    if len(untold) > _MOST_RUNS:
        untold = [*untold[: _MOST_RUNS - 1], untold[-1]]
    said: list[Word] = []
    for each in reversed([*untold, *past[at : at + 1]]):
        if each.id != home_of:
            said += [*_request(each.event), _word("", _answer(tx, each))]
        said += [_word(late.author, late.text) for late in messages.unhanded(tx, each.id)]
    return [word for word in said if word.text]


def _request(event: Event) -> list[Word]:
    if event.kind == WEBHOOK:
        return [_word("A service that is connected to this Bellhop", event.text)]
    if event.kind in NOBODYS_WORD:
        return [_word("The operator of this Bellhop", event.text)]
    if not event.is_comment:
        return [_word(_ANYBODY, f"{event.title}\n\n{event.text}")]
    return [_word(_ANYBODY, event.title), _word(event.actor.login, event.words)]


def _word(who: str, text: str) -> Word:
    return Word(who=who, text=quoted(text))


def quoted(text: str) -> str:
    """Return words as they are seen, each line behind `> `."""
    return "\n".join(f"> {line}".rstrip() for line in as_seen(text).strip().splitlines())


def _answer(tx: Connection, run: Run) -> str:
    """Return the agent's last word in a run, or what became of it."""
    candidate = runs.candidate(tx, run.id)
    if candidate is not None:
        return Proposal.model_validate_json(candidate).said
    return str(getattr(run.outcome, "text", ""))
