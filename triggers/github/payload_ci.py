"""The members of `workflow_run`, `check_suite`, `check_run`, `status` and `push` deliveries that Bellhop reads.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#workflow_run
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from triggers.github.payload import Branch, Delivery, Id, Sha, Word
from triggers.github.payload_pull import Fork, Side
from triggers.members import Line, Members, Text, Time, Url

# What GitHub sends of a push at most, several times over.
COMMITS_LIMIT = 2048
Ref = Annotated[str, StringConstraints(pattern=r"^refs/[^\x00-\x20\x7f~^:?*\[\\]{1,300}$")]


class PullOfCi(Members):
    """A pull request of this repository whose head CI looked at; those from forks are not among them."""

    number: Id
    head: Side
    base: Side


class WorkflowRun(Members):
    """One attempt of a workflow's run."""

    id: Id
    name: Line | None = None
    html_url: Url
    status: Word | None = None
    conclusion: Word | None = None
    head_branch: Branch | None = None
    head_sha: Sha
    head_repository: Fork | None = None
    run_attempt: Annotated[int, Field(ge=1)] = 1
    updated_at: Time | None = None
    pull_requests: list[PullOfCi] = []


class App(Members):
    """The App that a check belongs to."""

    name: Line
    slug: Line | None = None


class CheckSuite(Members):
    """All of one App's checks on a commit."""

    id: Id
    status: Word | None = None
    conclusion: Word | None = None
    head_branch: Branch | None = None
    head_sha: Sha
    app: App | None = None
    updated_at: Time | None = None
    pull_requests: list[PullOfCi] = []


class SuiteOfCheck(Members):
    """The suite that a check is a part of."""

    head_branch: Branch | None = None


class CheckRun(Members):
    """One check."""

    id: Id
    name: Line
    html_url: Url | None = None
    status: Word | None = None
    conclusion: Word | None = None
    head_sha: Sha
    external_id: Line | None = None
    started_at: Time | None = None
    completed_at: Time | None = None
    app: App | None = None
    check_suite: SuiteOfCheck | None = None
    pull_requests: list[PullOfCi] = []


class Button(Members):
    """The button of a check that somebody pressed."""

    identifier: Line


class WorkflowRunDelivery(Delivery):
    """`workflow_run`."""

    workflow_run: WorkflowRun


class CheckSuiteDelivery(Delivery):
    """`check_suite`."""

    check_suite: CheckSuite


class CheckRunDelivery(Delivery):
    """`check_run`."""

    check_run: CheckRun
    requested_action: Button | None = None


class HeadOfBranch(Members):
    """The commit that a branch stands at."""

    sha: Sha


class BranchOfStatus(Members):
    """A branch that holds the commit."""

    name: Branch
    commit: HeadOfBranch | None = None


class StatusDelivery(Delivery):
    """`status`: what somebody's own CI says of a commit."""

    id: Id
    sha: Sha
    context: Line
    state: Word
    target_url: str | None = None
    updated_at: Time | None = None
    branches: list[BranchOfStatus] = []


class CommitAuthor(Members):
    """Who a commit says has written it, which nobody has checked."""

    name: Line | None = None


class Commit(Members):
    """A commit of a push: its message, and the files that it changes."""

    id: Sha | None = None
    message: Text = None
    author: CommitAuthor | None = None
    added: list[Line] = []
    modified: list[Line] = []
    removed: list[Line] = []


class PushDelivery(Delivery):
    """`push`: `before` and `after` are zeros where the branch was not, or is no more; `distinct_size` more commits than `commits` were cut."""

    ref: Ref
    before: Sha
    after: Sha
    deleted: bool = False
    forced: bool = False
    compare: Url
    commits: Annotated[list[Commit], Field(max_length=COMMITS_LIMIT)] = []
