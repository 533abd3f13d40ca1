"""The slow look at people's open pull requests: which conflict with their base, and which have been resting for long."""

from __future__ import annotations

from datetime import UTC, datetime

import structlog

from app.core.event import Actor, Event, Repo
from app.core.grant import Grant
from app.core.showing.friction import Friction
from app.core.showing.offers import OpenPull, is_somebody_elses, is_stale, offered_by
from app.errors import BellhopError
from app.ledger import looks, offers, repositories
from tasks.keeping.census import SOURCE
from tasks.parts import Parts
from tasks.replying.offers import look_name

log = structlog.get_logger()

EVERY_SECONDS = 6 * 3600.0
HOLD_SECONDS = 600.0
# GitHub works out whether a pull request merges only when it is asked, and says so a little later.
UNKNOWN_SECONDS = 60.0
# One look takes two requests for the token, one for the list, and one for each of so many pull requests.
REPOSITORIES_AT_ONCE = 3
PULLS_AT_ONCE = 20


def look_for_friction(parts: Parts, _host: str) -> None:
    """Look at the repositories whose turn it is. What one of them fails with is logged, and it is due again later."""
    wanted = [name for name, profile in parts.profiles.items() if {"conflict", "stale"} & set(profile.offer.for_)]
    if not wanted:
        return
    with parts.database.read() as tx:
        known = [repo for repo in repositories.known(tx, SOURCE) if _is_offered(parts, repo)]
    taken = 0
    for repo in known:
        if taken == REPOSITORIES_AT_ONCE:
            return
        if parts.wait_seconds(repo, "spare") > 0:
            continue
        with parts.database.begin() as tx:
            mark = looks.take(tx, look_name(SOURCE, repo.id), HOLD_SECONDS)
        if mark is None:
            continue
        taken += 1
        again_seconds = EVERY_SECONDS
        try:
            if _look(parts, repo):
                again_seconds = UNKNOWN_SECONDS
        except BellhopError as error:
            log.warning("pulls_not_looked_at", repository=repo.full_name, reason=error.reason, error=str(error))
            again_seconds = max(HOLD_SECONDS, error.retry_after_seconds or 0.0)
        with parts.database.begin() as tx:
            looks.again_in(tx, look_name(SOURCE, repo.id), mark, again_seconds)


def _is_offered(parts: Parts, repo: Repo) -> bool:
    return any(offered_by(parts.profiles, friction, repo.full_name) for friction in ("conflict", "stale"))


def _look(parts: Parts, repo: Repo) -> bool:
    """Look at one repository, and return whether something of it is not known yet. Raises ServiceError, GrantRefused."""
    service = parts.services[SOURCE]
    grant = Grant(purpose="authorise", repo=repo, permissions={"metadata": "read", "pull_requests": "read"})
    conflict = offered_by(parts.profiles, "conflict", repo.full_name)
    stale = offered_by(parts.profiles, "stale", repo.full_name)
    unknown = False
    with parts.credential(grant, run_id=None) as credential:
        theirs = [each for each in service.open_pulls(credential, repo) if is_somebody_elses(each.pull, repo.id)]
        if stale is not None:
            days, now = parts.profiles[stale].offer.stale_days, datetime.now(UTC)
            for found in (each for each in theirs if is_stale(each, days, now)):
                _offer(parts, repo, found, "stale")
        for found in theirs[:PULLS_AT_ONCE] if conflict is not None else ():
            merges = service.merges(credential, repo, found.pull.number)
            unknown = unknown or merges is None
            if merges is False:
                _offer(parts, repo, found, "conflict")
    return unknown


def _offer(parts: Parts, repo: Repo, found: OpenPull, friction: Friction) -> None:
    bot = Actor(id="0", login=parts.settings.bot_login, kind="bot")
    event = Event(
        source=SOURCE, kind="offer", delivery_key=f"offer-{repo.id}-{found.pull.head_commit}", actor=bot, repo=repo, url=found.url,
        thread=f"{SOURCE}:{repo.full_name}#{found.pull.number}", title=found.title, number=found.pull.number, is_pull_request=True,
        pull=found.pull,
    )
    with parts.database.begin() as tx:
        if offers.make(tx, event, found.pull.head_commit, friction):
            log.info("offered", repository=repo.full_name, number=found.pull.number, friction=friction)
