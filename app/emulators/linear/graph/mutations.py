"""The mutations: what `Mutation` of the cut schema has."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app.emulators.linear import attachments, comments, issues, sessions
from app.emulators.linear.graph import agent, work
from app.emulators.linear.graph.view import Json, View
from app.emulators.linear.problems import forbidden, invalid
from app.emulators.linear.state import Label, Record

Mutation = Callable[[View, Json], Json]

_ISSUE = {"title", "description", "priority", "stateId", "projectId", "assigneeId", "delegateId", "labelIds"}


def _issue_create(view: View, args: Json) -> Json:
    view.caller.must_have("write", "issues:create")
    given = args["input"]
    _only(given, _ISSUE | {"id", "teamId"})
    wanted = _unused_id(given, view.state.issues)
    made = issues.create(view.world, view.caller.user, view.team(given["teamId"]), _change(view, given), issue_id=wanted)
    return _done(view, issue=work.issue(view, made))


def _issue_update(view: View, args: Json) -> Json:
    view.caller.must_have("write")
    given, found = args["input"], view.issue(args["id"])
    _only(given, _ISSUE | {"addedLabelIds", "removedLabelIds"})
    change = _change(view, given)
    if given.keys() & {"addedLabelIds", "removedLabelIds"}:
        if "labels" in change:
            raise invalid("labelIds cannot be given together with addedLabelIds or removedLabelIds")
        added = _labels(view, given.get("addedLabelIds") or ())
        change["labels"] = [
            one for one in [*found.labels, *(one for one in added if one not in found.labels)] if one.id not in (given.get("removedLabelIds") or ())
        ]
    issues.edit(view.world, found, view.caller.user, change)
    return _done(view, issue=work.issue(view, found))


def _issue_add_label(view: View, args: Json) -> Json:
    return _issue_update(view, {"id": args["id"], "input": {"addedLabelIds": [args["labelId"]]}})


def _issue_remove_label(view: View, args: Json) -> Json:
    return _issue_update(view, {"id": args["id"], "input": {"removedLabelIds": [args["labelId"]]}})


def _comment_create(view: View, args: Json) -> Json:
    view.caller.must_have("write", "comments:create")
    given = args["input"]
    _only(given, {"id", "issueId", "body", "parentId"})
    parent = view.comment(given["parentId"]) if given.get("parentId") else None
    if given.get("issueId"):
        on = view.issue(given["issueId"])
    elif parent is not None:
        on = parent.issue
    else:
        raise invalid("One of issueId and parentId is needed: the emulator has comments on issues only")
    wanted = _unused_id(given, view.state.comments)
    made = comments.write(view.world, view.caller.user, on, given.get("body") or "", parent=parent, comment_id=wanted)
    return _done(view, comment=work.comment(view, made))


def _comment_update(view: View, args: Json) -> Json:
    view.caller.must_have("write")
    found, given = view.comment(args["id"]), args["input"]
    _only(given, {"body"})
    if found.user is not view.caller.user:
        raise forbidden("You can only edit your own comments")
    if given.get("body") is not None:
        comments.edit(view.world, found, view.caller.user, given["body"])
    return _done(view, comment=work.comment(view, found))


def _attachment_create(view: View, args: Json) -> Json:
    given = args["input"]
    _only(given, {"id", "issueId", "title", "subtitle", "url", "metadata"})
    return _attach(view, given, given["title"])


def _attachment_link_url(view: View, args: Json) -> Json:
    _only(args, {"id", "issueId", "title", "url"})
    return _attach(view, args, args.get("title") or args["url"])


def _attach(view: View, given: Json, title: str) -> Json:
    view.caller.must_have("write", "issues:create")
    made = attachments.attach(
        view.world, view.caller.user, view.issue(given["issueId"]), given["url"], title, subtitle=given.get("subtitle"),
        metadata=given.get("metadata"), attachment_id=_unused_id(given, view.state.attachments),
    )
    return _done(view, attachment=work.attachment(view, made))


def _activity_create(view: View, args: Json) -> Json:
    view.caller.must_have("write")
    given = args["input"]
    _only(given, {"id", "agentSessionId", "content", "ephemeral", "signal", "signalMetadata"})
    made = sessions.say(
        view.world, view.session(given["agentSessionId"]), view.caller.user, given["content"], activity_id=_new_id(given),
        ephemeral=bool(given.get("ephemeral")), signal=given.get("signal"), signal_metadata=given.get("signalMetadata"),
    )
    return _done(view, agentActivity=agent.activity(view, made))


def _activity_create_prompt(view: View, args: Json) -> Json:
    view.caller.must_have("write")
    given = args["input"]
    _only(given, {"agentSessionId", "content", "signal"})
    found, words = view.session(given["agentSessionId"]), given["content"].get("body") or ""
    if given["content"]["type"] != "prompt":
        raise invalid("content.type must be prompt")
    if given.get("signal"):
        made = sessions.prompt(view.world, found, view.caller.user, words, signal=given["signal"])
    else:
        made = sessions.reply(view.world, found, view.caller.user, words)
    return _done(view, agentActivity=agent.activity(view, made))


def _session_on_issue(view: View, args: Json) -> Json:
    _only(args["input"], {"issueId", "externalUrls"})
    return _begin(view, args["input"], lambda: sessions.begin_by_app(view.world, view.issue(args["input"]["issueId"]), None))


def _session_on_comment(view: View, args: Json) -> Json:
    _only(args["input"], {"commentId", "externalUrls"})
    root = view.comment(args["input"]["commentId"]).root
    return _begin(view, args["input"], lambda: sessions.begin_by_app(view.world, root.issue, root))


def _begin(view: View, given: Json, begin: Callable[[], Any]) -> Json:
    view.caller.must_have("write")
    if not view.caller.user.app:
        raise forbidden("Only agents can create agent sessions")
    made = begin()
    if given.get("externalUrls"):
        sessions.set_urls(view.world, made, given["externalUrls"])
    return _done(view, agentSession=agent.session(view, made))


def _session_update(view: View, args: Json) -> Json:
    view.caller.must_have("write")
    found, given = view.session(args["id"]), args["input"]
    _only(given, {"externalUrls", "addedExternalUrls", "removedExternalUrls", "plan"})
    if view.caller.user is not found.app_user:
        raise forbidden("Only the agent of a session can update it")
    if "externalUrls" in given and given.keys() & {"addedExternalUrls", "removedExternalUrls"}:
        raise invalid("externalUrls cannot be given together with addedExternalUrls or removedExternalUrls")
    if given.keys() & {"externalUrls", "addedExternalUrls", "removedExternalUrls"}:
        added, removed = given.get("addedExternalUrls") or [], given.get("removedExternalUrls") or []
        kept = given.get("externalUrls") or [] if "externalUrls" in given else [one for one in found.external_urls if one["url"] not in removed]
        new = {one["url"] for one in added}
        sessions.set_urls(view.world, found, [*(one for one in kept if one["url"] not in new), *added])
    if "plan" in given:
        sessions.set_plan(view.world, found, given["plan"])
    return _done(view, agentSession=agent.session(view, found))


def _change(view: View, given: Json) -> issues.Change:
    change: issues.Change = {}
    if "title" in given:
        change["title"] = given["title"] or ""
    if "description" in given:
        change["description"] = given["description"]
    if given.get("priority") is not None:
        if given["priority"] not in range(5):
            raise invalid("priority must be between 0 and 4")
        change["priority"] = given["priority"]
    if given.get("stateId"):
        change["state"] = view.workflow_state(given["stateId"])
    if "projectId" in given:
        change["project"] = view.project(given["projectId"]) if given["projectId"] else None
    if "assigneeId" in given:
        change["assignee"] = view.user(given["assigneeId"]) if given["assigneeId"] else None
    if "delegateId" in given:
        change["delegate"] = view.user(given["delegateId"]) if given["delegateId"] else None
    if given.get("labelIds") is not None:
        change["labels"] = _labels(view, given["labelIds"])
    return change


def _labels(view: View, ids: Iterable[str]) -> list[Label]:
    return [view.label(one) for one in ids]


def _only(given: Json, known: set[str]) -> None:
    """Refuse what Linear would take and the emulator does not do: nothing is ignored in silence."""
    if unknown := sorted(given.keys() - known):
        raise invalid(f"The emulator does not take {', '.join(unknown)} here")


def _unused_id(given: Json, records: Mapping[str, Record]) -> str | None:
    wanted = _new_id(given)
    if wanted in records:
        raise invalid("id must be one that is not in use")
    return wanted


def _new_id(given: Json) -> str | None:
    wanted: str | None = given.get("id")
    if wanted is None:
        return None
    try:
        parsed = uuid.UUID(wanted)
    except ValueError as error:
        raise invalid("id must be a UUID") from error
    if parsed.version != 4 or str(parsed) != wanted:
        raise invalid("id must be a UUID v4 in lower case")
    return wanted


def _done(view: View, **made: Json) -> Json:
    return {"success": True, "lastSyncId": float(view.world.next_sync_id()), **made}


MUTATIONS: dict[str, Mutation] = {
    "issueCreate": _issue_create,
    "issueUpdate": _issue_update,
    "issueAddLabel": _issue_add_label,
    "issueRemoveLabel": _issue_remove_label,
    "commentCreate": _comment_create,
    "commentUpdate": _comment_update,
    "attachmentCreate": _attachment_create,
    "attachmentLinkURL": _attachment_link_url,
    "agentActivityCreate": _activity_create,
    "agentActivityCreatePrompt": _activity_create_prompt,
    "agentSessionCreateOnIssue": _session_on_issue,
    "agentSessionCreateOnComment": _session_on_comment,
    "agentSessionUpdate": _session_update,
}
