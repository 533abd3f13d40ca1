"""What an agent is told of CI that has failed: read at the service by a token for that alone, cut, without secrets."""

from __future__ import annotations

import structlog

from app.core.deciding.ci_head import PERMISSIONS, Evidence, Piece, PieceKind, failed, is_ci, under_way
from app.core.event import Event
from app.core.grant import Access, Grant
from app.core.noun import Noun
from app.core.outcome import NothingToDo
from app.core.profile import Profile
from app.core.ringing.on import On
from app.core.ringing.on_ci import CheckSuiteFilter
from app.core.run import Run
from app.core.words.ci_log import LIMIT_CHARACTERS, cut
from app.errors import BellhopError, GrantRefused, Paced
from app.ledger import remarks
from tasks.deciding.ci import ci_of, read_pieces
from tasks.parts import Parts

log = structlog.get_logger()

_MOST_PIECES = 10
_ALL_CHARACTERS = 40_000
_LEAST_CHARACTERS = 2_000


# What is read for a red build that a person has Bellhop see to, whatever rings for the profile: GitHub makes a suite for every App that
# reports checks, its own Actions among them.
_BUILD = On(check_suite=CheckSuiteFilter())


class Failure(Noun):
    """One job that has failed: the tests that it names, the part of its log that matters, and what is missing of that."""

    name: str
    tests: tuple[str, ...] = ()
    text: str = ""
    missing: str = ""


class Report(Noun):
    """The jobs that have failed; `unread` says in words what could not be read of them."""

    failures: tuple[Failure, ...] = ()
    unread: str = ""


def report_of(parts: Parts, run: Run) -> Report | None:
    """Read what has failed for a run on failed CI, or on a red build that a person has it see to, and note what could not be read.

    None for any other run.

    Raises BellhopError for a service that does not answer; what it will not show is said in the report.
    """
    asked = _asked_about(run)
    if asked is None:
        return None
    event, profile = asked
    pieces = failed(profile.on, event, read_pieces(parts, event, profile, run_id=run.id))
    found: list[Evidence] = []
    for piece in pieces[:_MOST_PIECES]:
        found += _evidence(parts, run, piece)
    missing = [f"{each.name}: {each.missing}" for each in found if each.missing]
    if len(pieces) > _MOST_PIECES:
        missing.append(f"{len(pieces) - _MOST_PIECES} more that have failed were not looked at")
    unread = parts.redacted_words("; ".join(missing))[:2000]
    if unread:
        with parts.database.begin() as tx:
            remarks.add(tx, run.id, f"Of the failed CI the agent did not see: {unread}")
    share = max(_LEAST_CHARACTERS, min(LIMIT_CHARACTERS, _ALL_CHARACTERS // max(1, len(found))))
    left, failures = _ALL_CHARACTERS, []
    for each in found:
        failures.append(_failure(parts, each, min(share, left)))
        left = max(0, left - len(failures[-1].text))
    return Report(failures=tuple(failures), unread=unread)


def _asked_about(run: Run) -> tuple[Event, Profile] | None:
    """Return the end of CI that a run is about, and the profile with the kinds of CI that are read for it."""
    if is_ci(run.event):
        return run.event, run.profile
    if run.event.friction != "red-build" or run.event.ci is None:
        return None
    event = run.event.model_copy(update={"kind": "check_suite.completed", "button": None, "friction": None})
    return event, run.profile.model_copy(update={"on": _BUILD})


def passed_since(parts: Parts, run: Run) -> NothingToDo | None:
    """Return the outcome of a run whose CI has passed meanwhile on the very same commit; None where it has not, or nobody can tell.

    Raises Paced.
    """
    if not is_ci(run.event) or run.event.ci is None:
        return None
    try:
        pieces = read_pieces(parts, run.event, run.profile, run_id=run.id)
    except Paced:
        raise
    except BellhopError as error:
        log.warning("ci_not_read", run_id=run.id, reason=error.reason, error=str(error))
        return None
    if not pieces or failed(run.profile.on, run.event, pieces) or under_way(run.profile.on, run.event, pieces):
        return None
    again = max((piece for piece in pieces if piece.ci.name == run.event.ci.name), key=lambda piece: piece.ci.attempt, default=None)
    return flaky(run.event, again.ci.attempt if again is not None else 1)


def flaky(event: Event, attempt: int = 1) -> NothingToDo:
    """Return the outcome of a run on CI that has passed without it; `attempt` counts from 1, of which nothing is said."""
    name, commit = ("CI", "") if event.ci is None else (event.ci.name, event.ci.head_commit[:12])
    on = f" on attempt {attempt}" if attempt > 1 else ""
    return NothingToDo(by_host=True, text=(
        f"{name} has passed{on} at the same commit, {commit}, without any change: it is flaky, not fixed. Nothing was published."
    ))


def _evidence(parts: Parts, run: Run, piece: Piece) -> tuple[Evidence, ...]:
    """Return what there is to read of a piece, under a token that can read CI of that kind and no more."""
    try:
        with parts.credential(Grant(purpose="ci", repo=run.event.repo, permissions=_needed(piece.kind)), run_id=run.id) as credential:
            return ci_of(parts, run.event).evidence(credential, run.event.repo, piece)
    except GrantRefused as error:
        return (Evidence(name=piece.ci.name, missing=f"the App may not read it ({error})"[:300]),)


def _needed(kind: PieceKind) -> dict[str, Access]:
    # A check of GitHub Actions has its log there.
    extra: dict[str, Access] = {"actions": "read"} if kind in ("check_suite", "check_run") else {}
    return {PERMISSIONS[kind]: "read", **extra}


def _failure(parts: Parts, evidence: Evidence, limit_characters: int) -> Failure:
    # Before it is cut: half a secret is found by nobody.
    shown = cut(parts.redacted(evidence.text), limit_characters)
    return Failure(
        name=parts.redacted_words(evidence.name)[:200], tests=tuple(parts.redacted_words(test) for test in shown.tests),
        text=parts.redacted_words(shown.text), missing=parts.redacted_words(evidence.missing),
    )
