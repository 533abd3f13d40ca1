"""Deciding on an event, with everything looked up that the decision takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.core.decide import Control, Decision, Ignore, Start, decide, needs_ci, needs_paths, needs_permission
from app.core.deciding.notice import Notice, notice_of
from app.core.event import REVIEW, Event
from app.core.grant import Credential
from app.core.outcome import PullRequest
from app.core.run import Run
from app.ports import Service
from tasks.deciding import ci
from tasks.deciding.facts import known_of, replaced
from tasks.parts import Parts
from tasks.replying.offers import grant_to_ask, only_on_that_head


class Decided(NamedTuple):
    """The decision, the event as the run is to see it, the id of the credential that asking took (if it did), what is said of it."""

    decision: Decision
    event: Event
    credential_id: str | None = None
    notice: Notice | None = None


def ask(parts: Parts, inbox_id: int, event: Event) -> Decided:
    """Decide on an event, and look up what that takes. Raises BellhopError.

    The head of a pull request is looked up now, and the run works on that whatever is pushed while it waits.
    """
    with parts.database.read() as tx:
        known = known_of(tx, event, parts.settings.bot_login)
    if why := replaced(known, event):
        return Decided(Ignore(reason="repository_replaced", why=(why,)), event)
    facts, over, about = known.facts, known.over, known.about
    if needs_ci(event, parts.profiles, facts):
        return Decided(*ci.decide_on_ci(parts, inbox_id, event, facts))
    asks_for_paths = needs_paths(event, parts.profiles, facts)
    own_pull = None if event.is_pull_request else _newest_pull(over)
    if not asks_for_paths and not needs_permission(event, parts.profiles, facts):
        decision = decide(event, parts.profiles, facts)
        # Of a program on a profile's list nobody is asked, but what a pull request's head is, and whose, has to be known all the same.
        if not isinstance(decision, Start) or not (event.is_pull_request or own_pull is not None):
            return Decided(decision, event, notice=notice_of(decision, event, facts))
    has_pull = own_pull is not None or (about is not None and about.event.pull is not None)
    with parts.credential(grant_to_ask(event, has_pull=has_pull), run_id=None) as credential:
        service = parts.service(event)
        if asks_for_paths and event.number is not None:
            facts = facts.model_copy(update={"changed_paths": service.changed_paths(credential, event.repo, event.number)})
        actual = None
        if needs_permission(event, parts.profiles, facts):
            actual = service.permission(credential, event.repo, event.actor.id, event.actor.login)
        if event.kind == REVIEW and event.number is not None and event.review_id is not None:
            said = service.review_comments(credential, event.repo, event.number, event.review_id)
            event = event.model_copy(update={"text": "\n\n".join(text for text in (event.text, *said) if text.strip())})
        facts = facts.model_copy(update={"actor_permission": actual, "has_all_words": True})
        decision = decide(event, parts.profiles, facts)
        event = _at_its_head(service, credential, event, decision, own_pull, about)
        decision = only_on_that_head(parts, credential, decision, event)
        return Decided(decision, event, credential.id, notice_of(decision, event, facts))


def _at_its_head(
    service: Service, credential: Credential, event: Event, decision: Decision, own_pull: PullRequest | None, about: Run | None
) -> Event:
    """Return the event with the pull request that the run is to work on, as it is now."""
    if isinstance(decision, Start) and event.is_pull_request and event.number is not None:
        return event.model_copy(update={"pull": service.pull_request(credential, event.repo, event.number)})
    if isinstance(decision, Start) and own_pull is not None:
        pull = service.pull_request(credential, event.repo, own_pull.number)
        is_own = pull.state == "open" and pull.head_ref == own_pull.branch and pull.head_repo_id == event.repo.id
        return event.model_copy(update={"pull": pull}) if is_own else event
    if isinstance(decision, Control) and about is not None and about.event.pull is not None:
        return event.model_copy(update={"pull": service.pull_request(credential, event.repo, about.event.pull.number)})
    return event


def _newest_pull(over: Sequence[Run]) -> PullRequest | None:
    """Return the pull request that a comment elsewhere goes on with: the newest one of its case."""
    return next((run.outcome for run in over if isinstance(run.outcome, PullRequest)), None)
