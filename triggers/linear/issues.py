"""The issue that a run is about: where it is, that work on it has begun, and its pull request.

https://linear.app/developers/agent-best-practices
"""

from __future__ import annotations

from typing import Any

from app.core.event import LINEAR, Event
from app.errors import ServiceError
from triggers.linear.addressed import Bot, addressed
from triggers.linear.connection import LinearConnection

_NOT_BEGUN = ("triage", "backlog", "unstarted")


def issue_id_of(thread: str) -> str:
    """Return the id of the issue whose conversation it is. Raises ServiceError for another service's."""
    source, _, issue_id = thread.partition(":")
    if source != LINEAR or not issue_id:
        raise ServiceError(f"{thread[:100]} is no issue of Linear's", reason="linear_refused", retryable=False)
    return issue_id


def complete(linear: LinearConnection, event: Event, bot: Bot) -> Event:
    """Return the event with the labels and places of its issue, and with the comment that has opened its session. Raises ServiceError."""
    issue = linear.ask("issue_places", id=issue_id_of(event.thread))["issue"]
    labels = tuple(str(node["name"]) for node in issue["labels"]["nodes"])
    project = (f"project:{issue['project']['name']}",) if issue["project"] else ()
    wide = tuple(each for each in event.places if each.startswith("workspace:"))
    places = (*(f"label:{name}" for name in labels), *project, f"team:{issue['team']['key']}", *wide)
    # Of a label that was added the delivery says which; what is on the issue by now is another matter.
    update: dict[str, Any] = {"places": places, "labels": event.labels or labels}
    if event.kind == "linear.mentioned" and event.handle and (said := _source(linear, event)):
        update["text"] = addressed(said, bot)
    return event.model_copy(update=update)


def _source(linear: LinearConnection, event: Event) -> str:
    """Return the comment that has opened a session, an answer or else its thread's first; nothing where somebody else has written that."""
    session = linear.ask("session_source", id=event.handle)["agentSession"]
    found = session["sourceComment"] or session["comment"]
    who = (event.said_by or event.actor).id
    return str(found["body"]) if found and found["user"] and found["user"]["id"] == who else ""


def begun(linear: LinearConnection, event: Event) -> None:
    """Move an issue that nobody has begun to its team's first started state; in a session, be its delegate where there is none. Raises ServiceError."""
    issue_id = issue_id_of(event.thread)
    found = linear.ask("issue_state", id=issue_id)
    issue, given = found["issue"], {}
    started = [state for state in issue["team"]["states"]["nodes"] if state["type"] == "started"]
    if issue["state"]["type"] in _NOT_BEGUN and started:
        given["stateId"] = min(started, key=lambda state: state["position"])["id"]
    if event.handle and issue["delegate"] is None and found["viewer"]["app"]:
        given["delegateId"] = found["viewer"]["id"]
    if given:
        linear.ask("issue_update", id=issue_id, input=given)


def attach(linear: LinearConnection, event: Event, url: str, title: str) -> None:
    """Attach a pull request to the issue, unless it is: also by Linear's own integration with GitHub. Raises ServiceError."""
    issue_id = issue_id_of(event.thread)
    there = linear.ask("attachments", url=url)["attachmentsForURL"]["nodes"]
    if any(node["issue"]["id"] == issue_id for node in there):
        return
    linear.ask("attachment_create", input={"issueId": issue_id, "url": url, "title": title[:200] or url})
