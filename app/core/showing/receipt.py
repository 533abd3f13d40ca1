"""That Bellhop has seen what somebody wrote or did: a reaction of its own to that; pure."""

from __future__ import annotations

from typing import Literal

from app.core.event import REVIEW_COMMENT, Event
from app.core.noun import Noun

RECEIPT = "receipt-"


class Receipt(Noun):
    """What the reaction is put on, by the service's own number for it; `in_pull` says that it is a pull request's."""

    on: Literal["issue", "issue_comment", "review_comment"]
    id: int
    in_pull: bool = False

    @property
    def kind(self) -> str:
        """Its name in the outbox: one for each thing that is reacted to."""
        return f"{RECEIPT}{'pull' if self.in_pull else 'issue'}-{self.id}"


def is_in_pull(kind: str) -> bool:
    """Return whether a receipt, by its name in the outbox, is put on something of a pull request."""
    return kind.startswith(f"{RECEIPT}pull-")


def receipt_for(event: Event) -> Receipt | None:
    """Return what to react to; None where the service knows no reactions (a review as a whole, a build, a run started by hand)."""
    if event.comment_id is not None:
        return Receipt(on="review_comment" if event.kind == REVIEW_COMMENT else "issue_comment", id=event.comment_id,
                       in_pull=event.is_pull_request)
    if event.number is not None and event.kind.startswith(("issues.", "pull_request.")):
        return Receipt(on="issue", id=event.number, in_pull=event.is_pull_request)
    return None
