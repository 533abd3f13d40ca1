"""`push`: a branch that has moved, and what that changes; pure."""

from __future__ import annotations

from app.core.event import Event
from triggers.github.happening import Happening
from triggers.github.payload_ci import COMMITS_LIMIT, PushDelivery

_BRANCHES = "refs/heads/"
_PATHS_LIMIT = 3000


def read_push(happening: Happening, delivery: PushDelivery) -> Event | str:
    """Return the event, or why it is passed over: tags, and branches that are gone."""
    if not delivery.ref.startswith(_BRANCHES):
        return "not_a_branch"
    if delivery.deleted:
        return "branch_deleted"
    branch = delivery.ref.removeprefix(_BRANCHES)
    changed = {path for commit in delivery.commits for path in (*commit.added, *commit.modified, *commit.removed)}
    is_cut = len(delivery.commits) >= COMMITS_LIMIT or len(changed) > _PATHS_LIMIT or not delivery.commits
    return happening.event(
        delivery, thread=f"@{branch}", url=delivery.compare, branch=branch, paths=None if is_cut else tuple(sorted(changed)),
        # A commit is pushed to a branch once, but for a branch that comes back to it.
        occurred_at=delivery.after, told=(branch, delivery.before),
    )
