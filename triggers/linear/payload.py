"""The members of Linear's webhook payloads that Bellhop reads, bounded; every other member is passed over.

https://linear.app/developers/webhooks and, for agent sessions, https://linear.app/developers/agent-interaction
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from triggers.members import Line, Members, Text, Time, Url

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\-]{1,64}$")]
TeamKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\-]{1,32}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_ ]{1,64}$")]

# The addresses that Linear gives to the users of apps.
_APPS_ADDRESS = "@oauthapp.linear.app"


class User(Members):
    """Somebody's account, or an app's."""

    id: Id
    name: Line = ""
    email: Line = ""

    @property
    def is_app(self) -> bool:
        """Whether it is an app's user, which no person stands behind."""
        return self.email.endswith(_APPS_ADDRESS)


class Doer(Members):
    """Who has changed an issue or a comment: a user, an app, an integration, somebody outside; `type` is Linear's word for which."""

    id: Id
    type: Word = ""
    name: Line = ""
    email: Line = ""

    @property
    def is_person(self) -> bool:
        """Whether a member of the workspace did it."""
        return self.type.casefold() == "user" and not self.email.endswith(_APPS_ADDRESS)


class Team(Members):
    """A team; `key` is what its issues' names begin with."""

    key: TeamKey


class Named(Members):
    """A label or a project."""

    id: Id
    name: Line


class Issue(Members):
    """An issue, as much of it as the delivery's kind has."""

    id: Id
    identifier: Line = ""
    title: Line
    description: Text = None
    url: Url
    team: Team | None = None
    project: Named | None = None
    labels: list[Named] = Field(default=[], max_length=500)
    label_ids: list[Id] = Field(default=[], alias="labelIds", max_length=500)
    assignee_id: Id | None = Field(default=None, alias="assigneeId")
    delegate_id: Id | None = Field(default=None, alias="delegateId")
    updated_at: Time | None = Field(default=None, alias="updatedAt")


class SessionComment(Members):
    """The comment at the head of the thread that a session belongs to, of whomever; `user_id` is None where no account has written it."""

    id: Id
    body: Text = None
    user_id: Id | None = Field(default=None, alias="userId")


class AgentSession(Members):
    """A session: what Linear opens when somebody delegates an issue to the app, or mentions it."""

    id: Id
    creator: User | None = None
    issue: Issue | None = None
    comment: SessionComment | None = None
    # The comment that has opened it, where that is another than the thread's first.
    source_comment_id: Id | None = Field(default=None, alias="sourceCommentId")
    created_at: Time | None = Field(default=None, alias="createdAt")


class PromptContent(Members):
    """What a person wrote in a session."""

    type: Word = ""
    body: Text = None


class AgentActivity(Members):
    """What happened in a session: of a `prompted` delivery, what a person wrote there."""

    id: Id
    content: PromptContent = PromptContent()
    signal: Word | None = None
    user: User
    created_at: Time | None = Field(default=None, alias="createdAt")


class Envelope(Members):
    """What every delivery has."""

    organization_id: Id = Field(alias="organizationId")


class SessionDelivery(Envelope):
    """A delivery of type AgentSessionEvent."""

    session: AgentSession = Field(alias="agentSession")
    activity: AgentActivity | None = Field(default=None, alias="agentActivity")
    app_user_id: Id = Field(alias="appUserId")


class IssueDelivery(Envelope):
    """A delivery of type Issue."""

    issue: Issue = Field(alias="data")
    actor: Doer | None = None
    updated_from: dict[str, Any] = Field(default={}, alias="updatedFrom")


class Comment(Members):
    """A comment; `issue` is None where it is about something else."""

    id: Id
    body: Text = None
    issue: Issue | None = None
    user: User | None = None
    # Linear sends it as text or as an object; that it is there says enough.
    bot_actor: Any = Field(default=None, alias="botActor")
    created_at: Time | None = Field(default=None, alias="createdAt")


class CommentDelivery(Envelope):
    """A delivery of type Comment."""

    comment: Comment = Field(alias="data")
    actor: Doer | None = None
    url: Url | None = None
