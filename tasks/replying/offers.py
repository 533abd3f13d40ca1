"""The button "Fix with Bellhop": offered for what events tell, pressed by people, told by the sweeper."""

from __future__ import annotations

import structlog
from sqlalchemy import Connection

from app.core.decide import Decision, Ignore, Start
from app.core.event import Event
from app.core.grant import Credential, Grant
from app.core.showing.offers import (
    BUTTON,
    PRESS,
    first_of,
    head_of,
    is_of_branch,
    is_red_build,
    offer_check,
    offered_by,
    task,
)
from app.errors import BellhopError, Paced
from app.ledger import looks, offers, repositories
from app.ledger.offers import OfferRow
from tasks.deciding.ci import ci_of, head_grant
from tasks.grants import authorise_grant, check_grant
from tasks.parts import Parts
from tasks.replying.replies import MAX_ATTEMPTS
from tasks.replying.waiting import backoff_seconds

log = structlog.get_logger()

# Longer than telling one can take.
HOLD_SECONDS = 120.0
# What moved is looked at soon, and what else moves until then together with it.
LOOK_SECONDS = 20.0
MOST_AT_ONCE = 20


def look_name(source: str, repository_id: int) -> str:
    """Return the name of the look at a repository's open pull requests."""
    return f"pull requests {source} {repository_id}"


def pressed(parts: Parts, event: Event) -> Event:
    """Return a press of the button as what it asks for, on the pull request or branch that it was offered on; any other event as it is."""
    if event.kind != PRESS or event.button != BUTTON.identifier or event.ci is None:
        return event
    with parts.database.read() as tx:
        offer = offers.at_head(tx, event.source, event.repo.id, event.ci.head_commit)
    if offer is None:
        return event
    friction, about = first_of(offer.frictions), offer.event
    base_ref, has_pull = about.pull.base_ref if about.pull is not None else "", about.number is not None
    build = about.ci.name if about.ci is not None else ""
    return event.model_copy(update={
        # The build that failed, and not the check that the button stood on.
        "ci": about.ci if about.ci is not None else event.ci, "branch": about.pull.head_ref if about.pull is not None else about.branch,
        "friction": friction, "thread": about.thread, "number": about.number, "is_pull_request": has_pull, "url": about.url,
        "title": about.title if has_pull else f"Mend the build of {about.branch}",
        "text": task(friction, base_ref, build, "" if has_pull else about.branch or ""),
    })


def grant_to_ask(event: Event, *, has_pull: bool) -> Grant:
    """Return what it takes to look up who has rung, and the head that this is about."""
    return head_grant(event) if is_of_branch(event) else authorise_grant(event, has_pull=has_pull)


def only_on_that_head(parts: Parts, credential: Credential, decision: Decision, event: Event) -> Decision:
    """Return the decision on a press, which is about the commit that the button stood on and no other. Raises ServiceError."""
    if event.friction is None or not isinstance(decision, Start) or event.ci is None:
        return decision
    head: str | None
    if event.pull is not None:
        head = event.pull.head_commit
    elif is_of_branch(event) and event.branch is not None:
        head = ci_of(parts, event).branch_head(credential, event.repo, event.branch)
    else:
        return decision
    if head == event.ci.head_commit:
        return decision
    moved = f"has moved on to {head[:12]}" if head else "is gone"
    return Ignore(reason="head_moved", why=(*decision.why, f"the branch {moved} since it was offered"))


def note(tx: Connection, parts: Parts, event: Event, decision: Decision, run_id: str | None) -> None:
    """Put what an event means for offers: one pressed, one to make, or pull requests to look at. Nothing here starts a run."""
    if event.friction is not None and event.ci is not None:
        offer = offers.at_head(tx, event.source, event.repo.id, event.ci.head_commit)
        if offer is not None and isinstance(decision, Start) and run_id is not None:
            offers.take_up(tx, offer.id, run_id)
        elif offer is not None and isinstance(decision, Ignore) and decision.reason == "not_permitted":
            offers.refuse(tx, offer.id, event.actor.login)
        return
    repo = event.repo
    if is_red_build(event, parts.settings.bot_login) and isinstance(decision, Ignore) and offered_by(parts.profiles, "red-build", repo.full_name):
        offers.make(tx, event, head_of(event), "red-build")
    moves = event.kind == "push" or event.kind in ("pull_request.opened", "pull_request.synchronize", "pull_request.reopened")
    if moves and offered_by(parts.profiles, "conflict", repo.full_name):
        repositories.note(tx, event.source, repo)
        looks.hasten(tx, look_name(event.source, repo.id), LOOK_SECONDS)


def tell_offers(parts: Parts, _host: str) -> None:
    """Have the service show every offer as it stands; what fails is due again later."""
    for _ in range(MOST_AT_ONCE):
        with parts.database.begin() as tx:
            offer = offers.hold(tx, HOLD_SECONDS)
        if offer is None:
            return
        if (wait_seconds := parts.wait_seconds(offer.event.repo, "spare")) > 0:
            _wait(parts, offer, wait_seconds)
            continue
        check = offer_check(offer.id, offer.event, offer.frictions, refused=offer.refused, run_id=offer.run_id)
        try:
            with parts.credential(check_grant(offer.event), run_id=None) as credential:
                parts.service(offer.event).upsert_check(credential, offer.event.repo, check)
        except Paced as error:
            _wait(parts, offer, error.retry_after_seconds or 1.0)
            continue
        except BellhopError as error:
            is_over = not error.retryable or offer.attempts >= MAX_ATTEMPTS
            log.warning("offer_not_shown", offer=offer.id, given_up=is_over, reason=error.reason, error=str(error))
            with parts.database.begin() as tx:
                if is_over:
                    offers.told(tx, offer)
                else:
                    offers.again_in(tx, offer, backoff_seconds(offer.attempts, error.retry_after_seconds, is_stated=error.is_wait_stated))
            continue
        with parts.database.begin() as tx:
            offers.told(tx, offer)


def _wait(parts: Parts, offer: OfferRow, seconds: float) -> None:
    with parts.database.begin() as tx:
        offers.wait(tx, offer, seconds)
