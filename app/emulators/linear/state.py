"""What the emulated Linear knows: plain mutable records and the one place that finds them.

Everything here is guarded by `World.lock`; nothing here does I/O. Ids are UUIDs, as at Linear.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeVar

StateType = Literal["triage", "backlog", "unstarted", "started", "completed", "canceled"]
SessionStatus = Literal["pending", "active", "awaitingInput", "complete", "error", "stale"]
ContentType = Literal["thought", "action", "elicitation", "response", "error", "prompt"]
Signal = Literal["auth", "continue", "select", "stop"]


def new_id() -> str:
    """Return a new UUID v4."""
    return str(uuid.uuid4())


@dataclass
class Record:
    """What every entity has."""

    id: str
    created_at: datetime
    updated_at: datetime


@dataclass
class User(Record):
    """A person of the workspace, or the app's own user (`app`)."""

    name: str
    display_name: str
    email: str
    app: bool = False
    admin: bool = False
    guest: bool = False
    active: bool = True
    api_key: str | None = None
    github_user_id: str | None = None


@dataclass
class Team(Record):
    """A team; `next_number` is its next issue's. `guidance` is what its owners tell agents."""

    key: str
    name: str
    guidance: str | None = None
    next_number: int = 1


@dataclass
class WorkflowState(Record):
    """A state of one team's issues."""

    team: Team
    name: str
    type: StateType
    position: float
    color: str = "#bec2c8"


@dataclass
class Project(Record):
    """A project of one or more teams."""

    name: str
    teams: list[Team]
    description: str = ""
    slug_id: str = ""


@dataclass
class Label(Record):
    """A label of one team, or of the workspace where `team` is None."""

    name: str
    team: Team | None = None
    color: str = "#bec2c8"


@dataclass
class Issue(Record):
    """An issue. `identifier` is `KEY-number`."""

    team: Team
    number: int
    title: str
    description: str | None
    creator: User
    state: WorkflowState
    project: Project | None = None
    assignee: User | None = None
    delegate: User | None = None
    priority: int = 0
    labels: list[Label] = field(default_factory=list)
    subscribers: list[User] = field(default_factory=list)
    started_at: datetime | None = None
    completed_at: datetime | None = None
    canceled_at: datetime | None = None

    @property
    def identifier(self) -> str:
        """The name that people use."""
        return f"{self.team.key}-{self.number}"


@dataclass
class Comment(Record):
    """A comment; `parent` makes it a reply. Where `user` is None, the program `bot` wrote it: Linear itself, or an integration."""

    issue: Issue
    user: User | None
    body: str
    parent: Comment | None = None
    edited_at: datetime | None = None
    bot: str = "linear"

    @property
    def root(self) -> Comment:
        """The first comment of its thread: threads are one level deep."""
        return self.parent or self


@dataclass
class Attachment(Record):
    """A link on an issue; one per issue and URL."""

    issue: Issue
    creator: User
    title: str
    url: str
    subtitle: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass
class Activity(Record):
    """One thing said in an agent session, by the app or (`prompt`) by a person."""

    session: AgentSession
    user: User
    content: dict[str, Any]
    ephemeral: bool = False
    signal: Signal | None = None
    signal_metadata: dict[str, Any] | None = None
    source_comment: Comment | None = None

    @property
    def type(self) -> ContentType:
        """What kind of content it is."""
        kind: ContentType = self.content["type"]
        return kind


@dataclass
class AgentSession(Record):
    """A run of the app on an issue. `root` is the first comment of its thread, `source` the comment that mentioned the app.

    `last_status` is what the last activity made it; `sessions.status_of` says whether it has grown stale since.
    `first_sign_at` is when the app first showed anything, an activity or a link.
    """

    issue: Issue
    app_user: User
    creator: User
    root: Comment | None
    source: Comment | None = None
    last_status: SessionStatus = "pending"
    last_activity_at: datetime | None = None
    first_sign_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    external_urls: list[dict[str, str]] = field(default_factory=list)
    plan: Any = None
    activities: list[Activity] = field(default_factory=list)


@dataclass
class Organization(Record):
    """The workspace; `guidance` is what it tells every agent."""

    name: str
    url_key: str
    guidance: str | None = None


@dataclass
class Webhook(Record):
    """The app's webhook in this workspace; without a `url` nothing is delivered."""

    url: str | None
    secret: str
    resource_types: tuple[str, ...]
    enabled: bool = True


@dataclass
class Client:
    """The OAuth application under test with its user; `scopes` is what it was last installed with, `team_ids` None means all teams."""

    id: str
    secret: str
    name: str
    redirect_uris: tuple[str, ...]
    client_credentials: bool
    user: User
    scopes: frozenset[str] = frozenset()
    team_ids: set[str] | None = None
    installed: bool = False


@dataclass
class AccessToken:
    """An OAuth access token: `user` is the person, or the app's own user with `actor=app`."""

    value: str
    user: User
    scopes: frozenset[str]
    expires_at: datetime
    refresh_token: str | None
    revoked: bool = False


@dataclass
class Code:
    """An authorization code, good once."""

    value: str
    user: User
    scopes: frozenset[str]
    redirect_uri: str
    expires_at: datetime
    challenge: str | None = None


RecordT = TypeVar("RecordT", bound=Record)


class State:
    """All records, by id in the order they were made."""

    def __init__(self, organization: Organization) -> None:
        self.organization = organization
        self.users: dict[str, User] = {}
        self.teams: dict[str, Team] = {}
        self.states: dict[str, WorkflowState] = {}
        self.projects: dict[str, Project] = {}
        self.labels: dict[str, Label] = {}
        self.issues: dict[str, Issue] = {}
        self.comments: dict[str, Comment] = {}
        self.attachments: dict[str, Attachment] = {}
        self.sessions: dict[str, AgentSession] = {}
        self.activities: dict[str, Activity] = {}
        self.webhooks: dict[str, Webhook] = {}
        self.access_tokens: dict[str, AccessToken] = {}
        self.refresh_tokens: dict[str, AccessToken] = {}
        self.codes: dict[str, Code] = {}

    def issue(self, name: str) -> Issue | None:
        """Return an issue by its id or its identifier, whose case does not count."""
        return self.issues.get(name) or next((one for one in self.issues.values() if one.identifier.lower() == name.lower()), None)

    def user_named(self, name: str) -> User | None:
        """Return a user by display name, whose case does not count."""
        return next((one for one in self.users.values() if one.display_name.lower() == name.lower()), None)

    def team_named(self, name: str) -> Team | None:
        """Return a team by its id or its key."""
        return self.teams.get(name) or next((one for one in self.teams.values() if one.key.lower() == name.lower()), None)

    def states_of(self, team: Team) -> list[WorkflowState]:
        """Return a team's workflow states, by position."""
        return sorted((one for one in self.states.values() if one.team is team), key=lambda one: one.position)

    def label_named(self, team: Team, name: str) -> Label | None:
        """Return a label that the team's issues may have, by name."""
        return next((one for one in self.labels.values() if one.team in (None, team) and one.name.lower() == name.lower()), None)

    def comments_of(self, issue: Issue) -> list[Comment]:
        """Return an issue's comments, oldest first."""
        return [one for one in self.comments.values() if one.issue is issue]

    def thread(self, root: Comment) -> list[Comment]:
        """Return a comment thread, its first comment first."""
        return [one for one in self.comments.values() if one.root is root]

    def sessions_on(self, root: Comment) -> list[AgentSession]:
        """Return the agent sessions of a comment thread, oldest first."""
        return [one for one in self.sessions.values() if one.root is root]


def put(records: dict[str, RecordT], record: RecordT) -> RecordT:
    """Add a record and return it."""
    records[record.id] = record
    return record
