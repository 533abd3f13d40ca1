"""The GraphQL endpoint, for the one mutation that REST has no word for; every other document is an error.

https://docs.github.com/en/graphql/reference/mutations#convertpullrequesttodraft
"""

from __future__ import annotations

import re
from typing import Any

from app.emulators.github import pulls
from app.emulators.github.call import Answer, Body, Call
from app.emulators.github.dispatch import Endpoint
from app.emulators.github.problems import Problem, requires_authentication
from app.emulators.github.state import Issue, Repository, node_id

_CONVERT = re.compile(
    r"mutation \w+\(\$input: ConvertPullRequestToDraftInput!\) "
    r"\{ convertPullRequestToDraft\(input: \$input\) \{ clientMutationId pullRequest \{ isDraft \} \} \}"
)


class Convert(Body):
    """The mutation's input."""

    pullRequestId: str  # noqa: N815 - GitHub's own name
    clientMutationId: str | None = None  # noqa: N815 - GitHub's own name


class Variables(Body):
    """The variables of the one document."""

    input: Convert


class Document(Body):
    """What a client posts."""

    query: str
    variables: Variables


class _Refused(Exception):
    """An error in GraphQL's sense, of a `type`."""


def graphql(call: Call) -> Answer:
    """POST /graphql. Errors of the document and of what it asks for are 200 with `errors`, as on GitHub."""
    if call.caller.token is None and call.caller.person is None:
        raise requires_authentication()
    asked = call.read(Document)
    if not _CONVERT.fullmatch(" ".join(asked.query.split())):
        return Answer(200, {"errors": [{"message": "The emulator knows one document, and this is another."}]})
    wanted = asked.variables.input
    try:
        issue = _convert(call, wanted.pullRequestId)
    except _Refused as refused:
        kind, message = refused.args
        error = {"type": kind, "path": ["convertPullRequestToDraft"], "message": message}
        return Answer(200, {"data": {"convertPullRequestToDraft": None}, "errors": [error]})
    shape: dict[str, Any] = {
        "clientMutationId": wanted.clientMutationId, "pullRequest": {"isDraft": bool(issue.pull and issue.pull.draft)},
    }
    return Answer(200, {"data": {"convertPullRequestToDraft": shape}})


def _convert(call: Call, wanted: str) -> Issue:
    found = _find(call, wanted)
    if found is None:
        raise _Refused("NOT_FOUND", f"Could not resolve to a node with the global id of '{wanted}'")
    repo, issue = found
    try:
        call.authorize(repo, ("pull_requests", "read"))
    except Problem as problem:
        raise _Refused("NOT_FOUND", f"Could not resolve to a node with the global id of '{wanted}'") from problem
    try:
        call.authorize(repo, ("pull_requests", "write"), role="read" if issue.user is call.caller.person else "write")
    except Problem as problem:
        raise _Refused("FORBIDDEN", str(problem)) from problem
    if issue.state != "open":
        raise _Refused("UNPROCESSABLE", "Only an open pull request can be made a draft.")
    pulls.to_draft(call.world, repo, issue, call.actor)
    return issue


def _find(call: Call, wanted: str) -> tuple[Repository, Issue] | None:
    for repo in call.world.state.repositories.values():
        for issue in repo.issues.values():
            if issue.pull is not None and node_id("PullRequest", issue.pull.id) == wanted:
                return repo, issue
    return None


ENDPOINTS = [Endpoint("POST", "/graphql", graphql, root="/api")]
