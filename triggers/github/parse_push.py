"""`push`: a branch that has moved, and what that changes; pure."""

from __future__ import annotations

from app.core.event import Event
from triggers.github.happening import Happening
from triggers.github.payload_ci import COMMITS_LIMIT, Commit, PushDelivery

_BRANCHES = "refs/heads/"
_PATHS_LIMIT = 3000
_COMMITS_SHOWN = 20
_MESSAGE_CHARACTERS = 2000


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
        occurred_at=delivery.after, told=(branch, delivery.before), title=f"After a push to {branch}", text=_text(branch, delivery),
    )


def _text(branch: str, delivery: PushDelivery) -> str:
    """Return in words what came: where the branch stood and stands, and the newest commits, messages behind four spaces as in `git log`."""
    if delivery.before.strip("0") == "":
        came = f"The branch {branch} is new, and stands at {delivery.after}."
    else:
        came = f"The branch {branch} stands at {delivery.after}, and stood at {delivery.before} before."
    if delivery.forced:
        came += " It was rewritten: what stood there before need not be a part of it any more."
    shown, left_out = delivery.commits[-_COMMITS_SHOWN:], len(delivery.commits[:-_COMMITS_SHOWN])
    earlier = [f"({left_out} earlier commits of this push are not shown)"] if left_out else []
    return "\n\n".join([came, *earlier, *map(_shown, shown)])


def _shown(commit: Commit) -> str:
    author = commit.author.name if commit.author is not None else None
    indented = "\n".join(f"    {line}" for line in (commit.message or "").strip().splitlines())
    if len(indented) > _MESSAGE_CHARACTERS:
        indented = indented[:_MESSAGE_CHARACTERS] + "\u2026"
    return f"commit {commit.id or 'unknown'}{f', by {author}' if author else ''}\n\n{indented}"
