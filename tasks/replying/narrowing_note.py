"""A pull request that changes what a repository says of its profiles is told what that would change for runs: one comment, edited in place."""

from __future__ import annotations

import structlog

from app.core.deciding.overlay import DIRECTORY, differences
from app.core.event import Event
from app.core.grant import Credential, Grant
from app.core.ringing.rings import works_in
from app.core.run import MARKER_START
from app.errors import BellhopError
from app.publish.inert import span
from tasks.deciding.narrowing import narrowed_at
from tasks.parts import Parts

log = structlog.get_logger()

KINDS = ("pull_request.opened", "pull_request.reopened", "pull_request.synchronize")
_MARKER = f"{MARKER_START} narrowing -->"


def tell_of_narrowing(parts: Parts, event: Event) -> None:
    """Say in a pull request what its changes below `.bellhop/` would come to, once for each head; of any other, nothing.

    Nobody waits for it: what fails is logged, and the next head of the pull request has it looked at again.
    """
    if event.kind not in KINDS or event.number is None:
        return
    names = sorted(name for name, profile in parts.profiles.items() if works_in(profile, event.repo.full_name))
    if not names:
        return
    try:
        with parts.credential(_grant(event, is_writing=False), run_id=None) as credential:
            body = _body(parts, credential, event, event.number, names)
        if body:
            # Its comment may be far older than this event.
            at = event.model_copy(update={"occurred_at": None})
            with parts.credential(_grant(event, is_writing=True), run_id=None) as credential:
                parts.service(event).upsert_comment(credential, at, _MARKER, f"{parts.redacted(body)}\n\n{_MARKER}\n")
    except BellhopError as error:
        log.warning("narrowing_not_told", thread=event.thread, reason=error.reason, error=str(error))


def _grant(event: Event, *, is_writing: bool) -> Grant:
    if is_writing:
        return Grant(purpose="reply", repo=event.repo, permissions={"pull_requests": "write"})
    return Grant(purpose="workspace", repo=event.repo, permissions={"contents": "read", "pull_requests": "read"})


def _body(parts: Parts, credential: Credential, event: Event, number: int, names: list[str]) -> str:
    service, repo = parts.service(event), event.repo
    if not any(path.startswith(DIRECTORY) for path in service.changed_paths(credential, repo, number)):
        return ""
    pull = service.pull_request(credential, repo, number)
    branch, now = service.default_branch_head(credential, repo)
    if pull.base_ref != branch:
        return ""
    url = service.clone_url(repo)
    parts.workspaces.fetch(repo, url, credential, now)
    head = parts.workspaces.fetch(repo, url, credential, pull.head_commit, number)
    git, mirror = parts.workspaces.git, parts.workspaces.mirror(repo)
    said = []
    for name in names:
        profile = parts.profiles[name]
        changed = differences(narrowed_at(git, mirror, now, profile), narrowed_at(git, mirror, head, profile))
        said += [f"- {span(name)}: {span(each.replace('`', ''), 600)}" for each in changed[:20]]
    what = "\n".join(said[:100]) or "Nothing, for any profile of this Bellhop."
    return f"What Bellhop would do otherwise once {span(head[:12])} is on {span(branch)}:\n\n{what}"
