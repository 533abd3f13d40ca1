"""Comments, and the mentions in them."""

from __future__ import annotations

import re

from app.emulators.linear import sessions
from app.emulators.linear.problems import invalid
from app.emulators.linear.state import Comment, Issue, User, new_id, put
from app.emulators.linear.webhooks import notify, tell_comment
from app.emulators.linear.world import World, iso, iso_or_none


def mentions_app(world: World, text: str) -> bool:
    """Return whether a text mentions the app, by `@name` or by the address of its profile, and the app may be mentioned."""
    app = world.client.user
    named = re.search(rf"(?<![\w@/])@{re.escape(app.display_name)}(?![\w-])", text, re.IGNORECASE) or world.user_url(app) in text
    return bool(named) and world.client.installed and "app:mentionable" in world.client.scopes


def write(world: World, author: User, issue: Issue, body: str, *, parent: Comment | None = None, comment_id: str | None = None) -> Comment:
    """Write a comment. A person's mention of the app begins an agent session, a reply in a session's thread prompts it. Raises Problem."""
    if not body.strip():
        raise invalid("body should not be empty")
    if parent is not None and parent.issue is not issue:
        raise invalid("parentId must be a comment of the same issue")
    now = world.now()
    comment = put(world.state.comments, Comment(comment_id or new_id(), now, now, issue, author, body, parent.root if parent else None))
    tell_comment(world, "create", comment)
    if author.app:
        return comment
    mentioned = mentions_app(world, body)
    if mentioned:
        notify(world, "issueCommentMention", issue, author, comment)
    elif issue.delegate is world.client.user:
        notify(world, "issueNewComment", issue, author, comment)
    if comment.parent and (found := world.state.sessions_on(comment.parent)):
        sessions.prompt(world, found[-1], author, body, comment=comment)
    elif mentioned:
        sessions.begin_by_mention(world, comment)
    return comment


def write_as_integration(world: World, service: str, issue: Issue, body: str) -> Comment:
    """Write a comment that another program brings in; nobody mentions the app by it."""
    now = world.now()
    comment = put(world.state.comments, Comment(new_id(), now, now, issue, None, body, bot=service))
    tell_comment(world, "create", comment)
    return comment


def remove(world: World, comment: Comment, by: User) -> None:
    """Remove a comment (`Comment` remove); its replies stay."""
    del world.state.comments[comment.id]
    tell_comment(world, "remove", comment, by=by)


def edit(world: World, comment: Comment, by: User, body: str) -> None:
    """Change a comment's words; a mention in them begins nothing. Raises Problem."""
    if not body.strip():
        raise invalid("body should not be empty")
    before = {"body": comment.body, "editedAt": iso_or_none(comment.edited_at), "updatedAt": iso(comment.updated_at)}
    comment.body, comment.edited_at, comment.updated_at = body, world.now(), world.now()
    tell_comment(world, "update", comment, before, by=by)
