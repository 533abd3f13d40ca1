"""The GraphQL endpoint, for the few mutations that REST has no word for; every other document is an error.

https://docs.github.com/en/graphql/reference/mutations
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from app.emulators.github import auto_merge, pulls
from app.emulators.github.call import Answer, Body, Call, Need
from app.emulators.github.dispatch import Endpoint
from app.emulators.github.problems import Problem, requires_authentication
from app.emulators.github.shapes.pull import pull_of
from app.emulators.github.state import Issue, Repository, node_id


class Input(Body):
    """The input of any of them; what only some take is None elsewhere."""

    pullRequestId: str  # noqa: N815 - GitHub's own name
    clientMutationId: str | None = None  # noqa: N815 - GitHub's own name
    mergeMethod: Literal["MERGE", "SQUASH", "REBASE"] = "MERGE"  # noqa: N815 - GitHub's own name
    expectedHeadOid: str | None = None  # noqa: N815 - GitHub's own name


class Variables(Body):
    """The variables of the one document."""

    input: Input


class Document(Body):
    """What a client posts."""

    query: str
    variables: Variables


class _Refused(Exception):
    """An error in GraphQL's sense, of a `type`."""


def _convert(call: Call, repo: Repository, issue: Issue, _asked: Input) -> dict[str, Any]:
    if issue.state != "open":
        raise _Refused("UNPROCESSABLE", "Only an open pull request can be made a draft.")
    pulls.to_draft(call.world, repo, issue, call.actor)
    return {"pullRequest": {"isDraft": pull_of(issue).draft}}


def _enable(call: Call, repo: Repository, issue: Issue, asked: Input) -> dict[str, Any]:
    if why := auto_merge.why_not(repo, issue, asked.mergeMethod, asked.expectedHeadOid):
        raise _Refused("UNPROCESSABLE", why)
    auto_merge.switch(issue, call.actor)
    return _actor(call)


def _disable(call: Call, _repo: Repository, issue: Issue, _asked: Input) -> dict[str, Any]:
    if pull_of(issue).merges_for is None:
        raise _Refused("UNPROCESSABLE", "Can't disable auto-merge for this pull request.")
    auto_merge.switch(issue, None)
    return _actor(call)


def _actor(call: Call) -> dict[str, Any]:
    path = f"/{call.actor.login}"
    return {"actor": {"avatarUrl": f"{call.world.web_url}{path}.png", "login": call.actor.login, "resourcePath": path, "url": f"{call.world.web_url}{path}"}}


class Mutation(NamedTuple):
    """One mutation: the fields that a client asks for beside its own id, what a token needs, and what it does."""

    fields: str
    needs: tuple[Need, ...]
    do: Callable[[Call, Repository, Issue, Input], dict[str, Any]]


_PULLS: Need = ("pull_requests", "write")
_ACTOR = "actor { avatarUrl login resourcePath url } clientMutationId"
MUTATIONS = {
    "convertPullRequestToDraft": Mutation("clientMutationId pullRequest { isDraft }", (_PULLS,), _convert),
    "enablePullRequestAutoMerge": Mutation(_ACTOR, (_PULLS, ("contents", "write")), _enable),
    "disablePullRequestAutoMerge": Mutation(_ACTOR, (_PULLS,), _disable),
}


def graphql(call: Call) -> Answer:
    """POST /graphql. Errors of the document and of what it asks for are 200 with `errors`, as on GitHub."""
    if call.caller.token is None and call.caller.person is None:
        raise requires_authentication()
    asked = call.read(Document)
    name = next((name for name, each in MUTATIONS.items() if _is(name, each, asked.query)), None)
    if name is None:
        return Answer(200, {"errors": [{"message": f"The emulator knows {len(MUTATIONS)} documents, and this is another."}]})
    wanted = asked.variables.input
    try:
        found = _found(call, wanted.pullRequestId, MUTATIONS[name].needs)
        shape = {"clientMutationId": wanted.clientMutationId, **MUTATIONS[name].do(call, *found, wanted)}
    except _Refused as refused:
        kind, message = refused.args
        return Answer(200, {"data": {name: None}, "errors": [{"type": kind, "path": [name], "message": message}]})
    return Answer(200, {"data": {name: shape}})


def _is(name: str, mutation: Mutation, query: str) -> bool:
    takes = f"{name[0].upper()}{name[1:]}Input!"
    rest = f"($input: {takes}) {{ {name}(input: $input) {{ {mutation.fields} }} }}"
    return re.fullmatch(rf"mutation \w+{re.escape(rest)}", " ".join(query.split())) is not None


def _found(call: Call, wanted: str, needs: tuple[Need, ...]) -> tuple[Repository, Issue]:
    found = _find(call, wanted)
    unknown = _Refused("NOT_FOUND", f"Could not resolve to a node with the global id of '{wanted}'")
    if found is None:
        raise unknown
    repo, issue = found
    try:
        call.authorize(repo, ("pull_requests", "read"))
    except Problem as problem:
        raise unknown from problem
    try:
        for need in needs:
            call.authorize(repo, need, role="read" if issue.user is call.caller.person else "write")
    except Problem as problem:
        raise _Refused("FORBIDDEN", str(problem)) from problem
    return repo, issue


def _find(call: Call, wanted: str) -> tuple[Repository, Issue] | None:
    for repo in call.world.state.repositories.values():
        for issue in repo.issues.values():
            if issue.pull is not None and node_id("PullRequest", issue.pull.id) == wanted:
                return repo, issue
    return None


ENDPOINTS = [Endpoint("POST", "/graphql", graphql, root="/api")]
