"""All of the CI of one commit, and what a profile makes of it; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from app.core.event import Ci, Event
from app.core.noun import Noun
from app.core.ringing.on import On
from app.core.ringing.rings import takes

PieceKind = Literal["workflow_run", "check_suite", "check_run", "status"]
KINDS: tuple[PieceKind, ...] = ("workflow_run", "check_suite", "check_run", "status")
# Which of an App's permissions shows each of them. https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps
PERMISSIONS: dict[PieceKind, str] = {"workflow_run": "actions", "check_suite": "checks", "check_run": "checks", "status": "statuses"}


class Piece(Noun):
    """One piece of a commit's CI as it stands now, in its newest attempt; `ci.conclusion` is empty while it is under way.

    `says` is its own one line of what went wrong, `url` where people read more; both may be empty.
    """

    kind: PieceKind
    ci: Ci
    url: str = ""
    says: str = ""


class Evidence(Noun):
    """What there is to read of a job that failed: its log, or a check's own words; `missing` says why there is nothing."""

    name: str
    text: str = ""
    missing: str = ""


def kinds_of(on: On) -> tuple[PieceKind, ...]:
    """Return the kinds of CI that `on` names."""
    return tuple(kind for kind in KINDS if kind in on.filters)


def is_ci(event: Event) -> bool:
    """Return whether the event is that a piece of CI has ended; the button of a check is a person's own word."""
    return event.ci is not None and event.button is None


def failed(on: On, event: Event, pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Return the pieces that have failed, as `on` counts that."""
    return tuple(piece for piece in pieces if takes(on, _event_of(event, piece, piece.ci.conclusion), ""))


def under_way(on: On, event: Event, pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Return the pieces that have not ended, and would be among the failed if they ended badly."""
    return tuple(piece for piece in pieces if not piece.ci.conclusion and any(takes(on, each, "") for each in _if_failed(on, event, piece)))


def _if_failed(on: On, event: Event, piece: Piece) -> Iterator[Event]:
    wanted = on.filters.get(piece.kind)
    for conclusion in getattr(wanted, "conclusions", getattr(wanted, "states", ())):
        yield _event_of(event, piece, conclusion)


def _event_of(event: Event, piece: Piece, conclusion: str) -> Event:
    kind = piece.kind if piece.kind == "status" else f"{piece.kind}.completed"
    return event.model_copy(update={"kind": kind, "ci": piece.ci.model_copy(update={"conclusion": conclusion})})
