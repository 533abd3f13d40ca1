"""The members of GitHub's webhook payloads that Bellhop reads, bounded; every other member is passed over.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from triggers.members import Line, Members, Text, Time, Url

LABELS_LIMIT = 100

Id = Annotated[int, Field(ge=1, lt=2**63)]
Login = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,100}(\[bot\])?$")]
# A name of dots alone would be a path.
FullName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,100}/[A-Za-z0-9_.\-]{0,99}[A-Za-z0-9_\-][A-Za-z0-9_.\-]{0,99}$")]
# What `git check-ref-format` refuses in any case, and a leading dash, which a command would take for an option.
Branch = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x20\x7f~^:?*\[\\\-/][^\x00-\x20\x7f~^:?*\[\\]{0,254}$")]
Sha = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]


class Account(Members):
    """A user, an organisation or an App's bot."""

    id: Id
    login: Login
    type: str = "User"


class Repository(Members):
    """The repository of the event."""

    id: Id
    full_name: FullName
    default_branch: Branch
    html_url: Url = ""


class Installation(Members):
    """The App's installation, present when the App itself receives the delivery."""

    id: Id


class Label(Members):
    """A label."""

    name: Line


class Issue(Members):
    """An issue, or the issue side of a pull request."""

    number: Id
    title: Line
    body: Text = None
    html_url: Url
    labels: list[Label] = []
    updated_at: Time | None = None
    user: Account | None = None
    pull_request: dict[str, Any] | None = None


class Comment(Members):
    """A comment on an issue or a pull request."""

    id: Id
    body: Text = None
    html_url: Url
    user: Account
    created_at: Time | None = None


class Delivery(Members):
    """What every delivery that is about a repository has."""

    repository: Repository
    sender: Account
    installation: Installation | None = None


class IssueDelivery(Delivery):
    """What `issues` and `issue_comment` deliveries have in common; `assignee`, `comment` and `label` as the action has them."""

    issue: Issue
    label: Label | None = None
    assignee: Account | None = None
    comment: Comment | None = None
