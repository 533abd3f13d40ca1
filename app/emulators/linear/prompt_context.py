"""`promptContext`: what an app may put before its model, as the XML-like text that Linear composes.

https://linear.app/developers/agent-interaction#agent-session-webhooks
"""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from app.emulators.linear.shapes import payload
from app.emulators.linear.state import AgentSession, Comment, Issue
from app.emulators.linear.world import World


def prompt_context(world: World, session: AgentSession) -> str:
    """Return issue, the thread that called the app, the other threads and the guidance."""
    roots = [one for one in world.state.comments_of(session.issue) if one.parent is None]
    parts = [_issue(session.issue)]
    # A thread that Linear opened because of a delegation says nothing.
    if session.root is not None and session.root.user is not None:
        parts.append(_thread(world, "primary-directive-thread", session.root))
    parts += [_thread(world, "other-thread", one) for one in roots if one is not session.root]
    parts += _guidance(world, session.issue)
    return "\n\n".join(parts)


def _issue(issue: Issue) -> str:
    lines = [f"<issue identifier={quoteattr(issue.identifier)}>", f"<title>{escape(issue.title)}</title>"]
    if issue.description:
        lines.append(f"<description>\n{escape(issue.description)}\n</description>")
    lines.append(f"<team name={quoteattr(issue.team.name)}/>")
    lines += [f"<label>{escape(label.name)}</label>" for label in issue.labels]
    if issue.project:
        lines.append(f"<project name={quoteattr(issue.project.name)}>{escape(issue.project.description)}</project>")
    return "\n".join([*lines, "</issue>"])


def _thread(world: World, tag: str, root: Comment) -> str:
    comments = "\n".join(
        f"<comment author={quoteattr(one.user.name if one.user else one.bot.capitalize())} created-at=\"{one.created_at:%Y-%m-%d %H:%M:%S}\">\n"
        f"{escape(one.body)}\n</comment>"
        for one in world.state.thread(root)
    )
    return f"<{tag} comment-id={quoteattr(root.id)}>\n{comments}\n</{tag}>"


def _guidance(world: World, issue: Issue) -> list[str]:
    rules = []
    for rule in payload.guidance(world, issue.team):
        team = rule["origin"].get("team")
        where = f'origin="team" team-name={quoteattr(team["name"])}' if team else 'origin="workspace"'
        rules.append(f"<guidance-rule {where}>\n{escape(rule['body'])}\n</guidance-rule>")
    return ["\n".join(["<guidance>", *rules, "</guidance>"])] if rules else []
