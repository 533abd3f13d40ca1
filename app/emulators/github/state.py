"""What the emulated GitHub knows: plain mutable records and the one place that finds them and numbers them.

Everything here is guarded by `World.lock`; nothing here does I/O.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Literal

ROLES = ("none", "read", "triage", "write", "maintain", "admin")
Role = Literal["none", "read", "triage", "write", "maintain", "admin"]


@dataclass
class User:
    """An account: a person, an organization or an App's bot, known for good by its numeric id."""

    id: int
    login: str
    kind: Literal["User", "Organization", "Bot"] = "User"
    name: str | None = None
    email: str | None = None
    token: str | None = None


@dataclass
class Label:
    """A label of one repository."""

    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass
class Comment:
    """A comment in an issue's or a pull request's conversation; `via_app` when an App's token wrote it."""

    id: int
    user: User
    body: str
    created_at: datetime
    updated_at: datetime
    via_app: bool = False


@dataclass
class ReviewComment:
    """A comment on one line of the new side of a pull request's change; `position` is how far down the diff that is."""

    id: int
    review_id: int
    user: User
    body: str
    path: str
    line: int
    position: int
    diff_hunk: str
    commit_id: str
    created_at: datetime
    updated_at: datetime


@dataclass
class Review:
    """A submitted review; its comments bear its id."""

    id: int
    user: User
    body: str
    state: Literal["approved", "changes_requested", "commented"]
    commit_id: str
    submitted_at: datetime


@dataclass
class Pull:
    """What a pull request has beyond its issue. `head_repo` is the fork, or the repository itself."""

    id: int
    head_repo: Repository
    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    draft: bool = False
    merged_at: datetime | None = None
    merged_by: User | None = None
    merge_commit_sha: str | None = None
    merges_for: User | None = None
    requested_reviewers: list[User] = field(default_factory=list)
    # Whether base and head, at these commits, go together; GitHub knows it only some time after it is asked for the first time.
    mergeable: tuple[str, str, bool] | None = None


@dataclass
class Issue:
    """An issue, or the conversation of a pull request when `pull` is set."""

    id: int
    number: int
    title: str
    body: str | None
    user: User
    created_at: datetime
    updated_at: datetime
    labels: list[Label] = field(default_factory=list)
    assignees: list[User] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    review_comments: list[ReviewComment] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    state: Literal["open", "closed"] = "open"
    state_reason: str | None = None
    closed_at: datetime | None = None
    via_app: bool = False
    pull: Pull | None = None


@dataclass
class CheckRun:
    """One check run, of the App that made it."""

    id: int
    name: str
    head_sha: str
    status: str = "queued"
    conclusion: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    details_url: str | None = None
    external_id: str = ""
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    actions: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Reaction:
    """What somebody has put on an issue or a comment."""

    id: int
    user: User
    content: str
    created_at: datetime


@dataclass
class Job:
    """A job of one attempt of a workflow's run; `log` is None where GitHub has none (any more)."""

    id: int
    name: str
    conclusion: str
    log: bytes | None
    completed_at: datetime


@dataclass
class WorkflowRun:
    """A run of a workflow: its file, the event and head commit that it began for, and how its newest attempt stands.

    A run is `queued` until somebody says how it ended: nothing is run here.
    """

    id: int
    path: str
    event: str
    head_sha: str
    head_branch: str
    created_at: datetime
    name: str = ""
    workflow_id: int = 0
    suite_id: int = 0
    number: int = 1
    actor: User | None = None
    attempt: int = 1
    status: str = "queued"
    conclusion: str | None = None
    updated_at: datetime | None = None
    jobs: list[Job] = field(default_factory=list)


@dataclass
class Activity:
    """One line of a repository's record of pushes."""

    id: int
    ref: str
    before: str
    after: str
    kind: str
    actor: User
    at: datetime


@dataclass
class Status:
    """One commit status."""

    id: int
    sha: str
    state: str
    context: str
    creator: User
    created_at: datetime
    description: str | None = None
    target_url: str | None = None


@dataclass
class Repository:
    """A repository; `path` is its bare git repository, `collaborators` maps a user's id to a role."""

    id: int
    owner: User
    name: str
    path: Path
    created_at: datetime
    pushed_at: datetime
    private: bool = True
    default_branch: str = "main"
    description: str | None = None
    archived: bool = False
    allow_auto_merge: bool = False
    required_contexts: tuple[str, ...] = ()
    fork_of: Repository | None = None
    collaborators: dict[int, Role] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    check_runs: dict[int, CheckRun] = field(default_factory=dict)
    statuses: list[Status] = field(default_factory=list)
    # By what they are put on: `issue 1`, `comment 5`, `review comment 7`.
    reactions: dict[str, list[Reaction]] = field(default_factory=dict)
    workflow_runs: list[WorkflowRun] = field(default_factory=list)
    activity: list[Activity] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        """`owner/name`, as it is now."""
        return f"{self.owner.login}/{self.name}"

    def role_of(self, user: User) -> Role:
        """Return what `user` may do here: the owner everything, anybody reads what is public."""
        if user.id == self.owner.id:
            return "admin"
        return self.collaborators.get(user.id, "none" if self.private else "read")


@dataclass
class App:
    """The GitHub App under test."""

    id: int
    slug: str
    name: str
    client_id: str
    owner: User
    bot: User
    public_key_pem: str
    webhook_secret: str
    webhook_url: str | None
    hook_id: int
    permissions: dict[str, str]
    events: list[str]
    created_at: datetime
    client_secret: str
    callback_urls: tuple[str, ...] = ()


@dataclass
class Installation:
    """The App on one account; `repository_ids` is None when it covers all of the account's repositories."""

    id: int
    account: User
    permissions: dict[str, str]
    events: list[str]
    created_at: datetime
    repository_ids: set[int] | None = None
    suspended_at: datetime | None = None

    def covers(self, repo: Repository) -> bool:
        """Return whether the account chose this repository."""
        if repo.owner.id != self.account.id:
            return False
        return self.repository_ids is None or repo.id in self.repository_ids


@dataclass
class Token:
    """An installation access token; `repository_ids` is None when it covers all that the installation covers."""

    value: str
    installation: Installation
    permissions: dict[str, str]
    created_at: datetime
    expires_at: datetime
    repository_ids: set[int] | None = None
    revoked: bool = False

    def covers(self, repo: Repository) -> bool:
        """Return whether this repository is in the token's scope."""
        return self.installation.covers(repo) and (self.repository_ids is None or repo.id in self.repository_ids)


class State:
    """All records, and the counter that numbers new ones."""

    def __init__(self) -> None:
        self.users: dict[int, User] = {}
        self.repositories: dict[int, Repository] = {}
        self.moved: dict[str, int] = {}
        self.installations: dict[int, Installation] = {}
        self.tokens: dict[str, Token] = {}
        self.app: App | None = None
        # Above 32 bits, as GitHub's newer ids are: whoever keeps them in an int4 finds out here.
        self._ids: Iterator[int] = count(5_000_000_001)

    def new_id(self) -> int:
        """Return a number that no record has yet."""
        return next(self._ids)

    def user(self, login: str) -> User | None:
        """Return the account of that login, whatever its case."""
        wanted = login.lower()
        return next((user for user in self.users.values() if user.login.lower() == wanted), None)

    def repository(self, full_name: str) -> Repository | None:
        """Return the repository of that name, whatever its case; one that moved is not found by its old name."""
        wanted = full_name.lower()
        return next((repo for repo in self.repositories.values() if repo.full_name.lower() == wanted), None)

    def person_of(self, token: str) -> User | None:
        """Return the person whose own token this is."""
        return next((user for user in self.users.values() if user.token and user.token == token), None)

    def installation_on(self, repo: Repository) -> Installation | None:
        """Return the installation that covers a repository."""
        return next((found for found in self.installations.values() if found.covers(repo)), None)

    def comment(self, repo: Repository, comment_id: int) -> tuple[Issue, Comment] | None:
        """Return a comment of a repository with the issue that it is in."""
        for issue in repo.issues.values():
            for comment in issue.comments:
                if comment.id == comment_id:
                    return issue, comment
        return None


def node_id(kind: str, number: int) -> str:
    """Return the opaque id that GitHub gives beside a numeric one."""
    return base64.b64encode(f"0:{kind}{number}".encode()).decode()
