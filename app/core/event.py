"""What a trigger hands over: one verified, normalised happening, or the reason why it is none."""

from __future__ import annotations

from typing import Literal

from app.core.noun import Noun
from app.core.roster import Roster
from app.core.showing.friction import Friction


class Actor(Noun):
    """The person or program at the event, by the service's own numeric or opaque id.

    `operator` is no word of a service's: it stands where CI has judged what Bellhop made on nobody's word but the operator's.
    """

    id: str
    login: str
    kind: Literal["person", "bot", "operator"]


OPERATOR = Actor(id="operator", login="operator", kind="operator")


# GitHub counts from 1.
NOT_LOOKED_UP = 0


class Repo(Noun):
    """A repository at a forge; `installation_id` is how Bellhop's App reaches it (None: it does not)."""

    id: int
    full_name: str
    default_branch: str
    installation_id: int | None = None

    @classmethod
    def named(cls, full_name: str) -> Repo:
        """Return a repository of which no more than the name is known yet: whoever routes its event looks it up."""
        return cls(id=NOT_LOOKED_UP, full_name=full_name, default_branch="")

    @classmethod
    def unsaid(cls) -> Repo:
        """Return what stands for a repository that nobody has named yet: routing finds out which, or asks."""
        return cls.named("")

    @property
    def is_said(self) -> bool:
        """Whether anybody has said which repository is meant."""
        return bool(self.full_name)

    @property
    def is_looked_up(self) -> bool:
        """Whether the forge has said which repository this is."""
        return self.id != NOT_LOOKED_UP

    @property
    def owner(self) -> str:
        """The account before the slash."""
        return self.full_name.split("/", 1)[0]

    @property
    def name(self) -> str:
        """The repository's name after the slash."""
        return self.full_name.partition("/")[2]


class Pull(Noun):
    """A pull request as it stood when its event was routed, or as the event's own payload says.

    `head_commit` is what a run works on, whatever is pushed later. `head_repo_id` is None where the fork is gone.
    """

    number: int
    state: Literal["open", "closed"]
    merged: bool = False
    head_repo_id: int | None
    head_ref: str
    head_commit: str
    base_ref: str


class Ci(Noun):
    """A piece of CI, or of somebody else's checks: a workflow's run, a check, a suite of them or a commit's status.

    `id` is the service's own for it; `conclusion` its word for how it ended (empty: it has not), such as `failure`; `head_commit` what it
    looked at, `head_branch` and `head_repo_id` where that stood (None: it does not say); `attempt` counts from 1; `app` is
    the App whose check it is, by its slug (None: no App's, or it does not say); `external_id` is what
    whoever made a check calls it.
    """

    id: int
    name: str
    conclusion: str
    head_commit: str
    head_branch: str | None = None
    head_repo_id: int | None = None
    attempt: int = 1
    app: str | None = None
    external_id: str = ""


class Spot(Noun):
    """The place in a pull request's change that a comment is about; `line` is None where that is gone from it."""

    path: str
    line: int | None
    hunk: str


# Services where people speak and no repository is: by the name before the dot in an event's kind, and in `on:`.
SLACK, LINEAR = "slack", "linear"
ELSEWHERE = frozenset({SLACK, LINEAR})
# Of what happens there, what is somebody's words.
SPOKEN_ELSEWHERE = frozenset({
    "slack.command", "slack.mention", "slack.message", "slack.form", "slack.button", "slack.reaction",
    "linear.mentioned", "linear.prompted", "linear.commented",
})

REVIEW = "pull_request_review.submitted"
REVIEW_COMMENT = "pull_request_review_comment.created"
# Of the part of a change that a comment is about, the lines just above and its own.
_MOST_LINES = 20


def about(spot: Spot, text: str) -> str:
    """Return words on a place in a change, below it."""
    at = f", line {spot.line}" if spot.line is not None else ""
    # Indented, which nothing in it can end, as it could end a fence.
    shown = "".join(f"    {line}\n" for line in (f"{spot.path}{at}", *spot.hunk.splitlines()[-_MOST_LINES:]))
    return f"{shown}\n{text}"


class Event(Noun):
    """One verified happening at a trigger.

    `delivery_key` is unique per delivery (a redelivery repeats it); `intent_key` is the happening's own (two
    deliveries with the same one are one happening; None where the service does not say enough to tell);
    `thread` is the stable name of the conversation, such as `github:octo/hello#7`; `kind` is the service's event and action, such as
    `issues.labeled`; `title` and `text` are untrusted words of people; `number` is the issue or pull
    request; `label` is the label just added; `comment_id` the comment just written; `occurred_at` is
    the service's own ISO 8601 time; `pull` what is known of the pull request, once it is.

    What only some kinds have: `assignee` and `reviewer` are the logins just assigned or asked for a review, `review` is how a review
    ended (`approved`, `changes_requested`, `commented`) and `review_id` GitHub's own for it, `spot` what a review comment is about, `branch` the one that was pushed to or
    that CI looked at, or a pull request's base, `paths` what a push has changed (None: nobody has said), `ci` the piece of CI,
    `button` the name of the one that was pressed on it, and `author` who has opened the issue or pull request (None: nobody has said, or is gone).

    Of a chat or planning service's: `said_by` is who did it there, once `actor` is the account at the forge that is linked with it, and
    `handle` what that service needs to answer beyond the thread's name, `places` where it was, narrowest first, as a kind and a name (`channel:C024BE91L`; `label:bug`,
    `project:Payments`, `team:ENG`).
    """

    source: str
    kind: str
    delivery_key: str
    intent_key: str | None = None
    thread: str
    actor: Actor
    repo: Repo
    url: str
    title: str = ""
    text: str = ""
    number: int | None = None
    is_pull_request: bool = False
    label: str | None = None
    labels: tuple[str, ...] = ()
    comment_id: int | None = None
    occurred_at: str | None = None
    pull: Pull | None = None
    assignee: str | None = None
    reviewer: str | None = None
    review: str | None = None
    review_id: int | None = None
    spot: Spot | None = None
    branch: str | None = None
    paths: tuple[str, ...] | None = None
    ci: Ci | None = None
    button: str | None = None
    profile: str | None = None
    friction: Friction | None = None
    author: Actor | None = None
    said_by: Actor | None = None
    handle: str = ""
    places: tuple[str, ...] = ()

    @property
    def is_comment(self) -> bool:
        """Whether it is somebody's words in a thread, by which alone the bot may be spoken to."""
        return self.kind in ("issue_comment.created", REVIEW_COMMENT, REVIEW) or self.kind in SPOKEN_ELSEWHERE

    @property
    def is_elsewhere(self) -> bool:
        """Whether it was said at a service where people talk about work that is done at a forge."""
        return self.kind.partition(".")[0] in ELSEWHERE

    @property
    def words(self) -> str:
        """The text, below the place in the change that it is about, where it is about one."""
        return self.text if self.spot is None else about(self.spot, self.text)

    @property
    def is_from_fork(self) -> bool:
        """Whether it is about a pull request whose head is not in this repository."""
        return self.pull is not None and self.pull.head_repo_id != self.repo.id


class Ignored(Noun):
    """A delivery that Bellhop knows and passes over on purpose."""

    source: str
    kind: str
    reason: str


class Unknown(Noun):
    """A delivery of a kind that Bellhop does not know."""

    source: str
    kind: str


Parsed = Event | Ignored | Unknown | Roster
