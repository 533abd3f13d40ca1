"""Which grants a run needs, as data: the least that each step works with."""

from __future__ import annotations

from app.core.event import Event
from app.core.grant import Access, Grant
from app.core.profile import Profile
from app.core.sandbox.entitlement import entitled


def authorise_grant(event: Event, *, has_pull: bool = False) -> Grant:
    """Return what looking up a person's permission needs, and the head of the pull request that they write in.

    `has_pull`: one of Bellhop's own is looked up, too.
    """
    permissions: dict[str, Access] = {"metadata": "read"}
    if event.is_pull_request or has_pull:
        permissions["pull_requests"] = "read"
    return Grant(purpose="authorise", repo=event.repo, permissions=permissions)


def workspace_grant(event: Event, profile: Profile, role: str | None) -> Grant:
    """Return what fetching and reading the repository needs: what the profile says, never more than reading.

    Of that, only what a person with `role` could see; None stands for a run that the operator starts by hand, which
    has all that the profile says.
    """
    asked: dict[str, Access] = dict.fromkeys(profile.permissions, "read")
    permissions = asked if role is None else entitled(asked, role).permissions
    return Grant(purpose="workspace", repo=event.repo, permissions=permissions)


def reply_grant(event: Event) -> Grant:
    """Return what a comment in the thread needs.

    https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps
    """
    permissions: dict[str, Access] = {"pull_requests": "write"} if event.is_pull_request else {"issues": "write"}
    return Grant(purpose="reply", repo=event.repo, permissions=permissions)


def check_grant(event: Event) -> Grant:
    """Return what a check on a commit needs."""
    return Grant(purpose="reply", repo=event.repo, permissions={"checks": "write"})


def publish_grant(event: Event) -> Grant:
    """Return what pushing one branch and opening one pull request need."""
    return Grant(purpose="publish", repo=event.repo, permissions={"contents": "write", "pull_requests": "write"})
