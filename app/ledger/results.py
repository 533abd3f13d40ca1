"""What became of the pull requests that Bellhop has opened, for each profile and repository. It is shown; nothing follows from it."""

from __future__ import annotations

import re
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, case, false, func, insert, select, true, update

from app.core.event import Event
from app.core.run import Run
from app.ledger.database import now_ms
from app.ledger.tables import exchanges, results, runs

# Where pull requests are, and their ends are told, whatever had asked for them: a clock, a webhook, a person.
_FORGE = "github"
CLOSED, REOPENED = "pull_request.closed", "pull_request.reopened"
# https://docs.github.com/en/pull-requests/collaborating-with-pull-requests/incorporating-changes-from-a-pull-request/reverting-a-pull-request
_REVERTS = re.compile(r"^\s*Reverts (?:([\w.-]+/[\w.-]+))?#(\d{1,18})\s*$", re.MULTILINE)


class Tally(NamedTuple):
    """The results of one profile in one repository; `reworked` of those that are over had commits of people's on top. Cost in millionths of a dollar."""

    profile: str
    repo: str
    opened: int
    open: int
    merged: int
    closed: int
    reverted: int
    reworked: int
    cost_micro_usd: int


def opened(tx: Connection, run: Run, number: int, commit: str) -> None:
    """Note that a run has put its result into a pull request; the profile is the one that opened it."""
    changed = tx.execute(update(results).where(*_one(_FORGE, run.event.repo.id, number)).values(commit=commit))
    if changed.rowcount == 0:
        tx.execute(insert(results).values(
            source=_FORGE, repo_id=run.event.repo.id, number=number, repo=run.event.repo.full_name, profile=run.profile.name,
            case_id=run.case_id, commit=commit, state="open", opened_at_ms=now_ms(),
        ))


def note(tx: Connection, event: Event) -> None:
    """Note what an event says of a pull request of Bellhop's: that it is over, open again, or taken back by another one."""
    pull = event.pull
    if event.kind not in (CLOSED, REOPENED) or pull is None:
        return
    state = "open" if event.kind == REOPENED else "merged" if pull.merged else "closed"
    tx.execute(
        update(results).where(*_one(event.source, event.repo.id, pull.number))
        .values(state=state, reworked=case((results.c.commit != pull.head_commit, true()), else_=false()) if state != "open" else false())
    )
    if state == "merged":
        for repo, number in _REVERTS.findall(event.text):
            if repo.casefold() in ("", event.repo.full_name.casefold()):
                tx.execute(update(results).where(*_one(event.source, event.repo.id, int(number))).values(reverted=True))


def tallies(tx: Connection) -> list[Tally]:
    """Return all results, by profile and repository."""
    cases = select(results.c.profile, results.c.repo, results.c.case_id).distinct().subquery()
    cost = (
        select(cases.c.profile, cases.c.repo, func.coalesce(func.sum(exchanges.c.cost_micro_usd), 0).label("cost"))
        .select_from(cases.join(runs, runs.c.case_id == cases.c.case_id).join(exchanges, exchanges.c.run_id == runs.c.id))
        .group_by(cases.c.profile, cases.c.repo)
    )
    costs = {(row.profile, row.repo): int(row.cost) for row in tx.execute(cost)}
    found: dict[tuple[str, str], list[tuple[str, bool, bool]]] = {}
    columns = [results.c[name] for name in ("profile", "repo", "state", "reworked", "reverted")]
    for profile, repo, state, reworked, reverted in tx.execute(select(*columns)):
        found.setdefault((profile, repo), []).append((state, reworked, reverted))
    made = []
    for (profile, repo), rows in sorted(found.items()):
        states = [state for state, _, _ in rows]
        made.append(Tally(
            profile=profile, repo=repo, opened=len(rows), open=states.count("open"), merged=states.count("merged"), closed=states.count("closed"),
            reverted=sum(reverted for _, _, reverted in rows), reworked=sum(reworked for _, reworked, _ in rows),
            cost_micro_usd=costs.get((profile, repo), 0),
        ))
    return made


def _one(source: str, repo_id: int, number: int) -> tuple[ColumnElement[bool], ...]:
    return results.c.source == source, results.c.repo_id == repo_id, results.c.number == number
