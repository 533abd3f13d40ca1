"""One request's view of the workspace: what the caller may see, and pages of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from app.emulators.linear.graph.filters import matches
from app.emulators.linear.problems import invalid, not_found
from app.emulators.linear.state import AgentSession, Comment, Issue, Label, Project, Record, Team, User, WorkflowState
from app.emulators.linear.tokens import Caller
from app.emulators.linear.world import World

Json = dict[str, Any]
RecordT = TypeVar("RecordT", bound=Record)
# A node as graphql-core resolves it: a member is a value, or a function of the field's arguments.
Shape = Callable[["View", RecordT], Json]

DEFAULT_PAGE = 50
LARGEST_PAGE = 250


class View:
    """The world as one caller sees it. Every look-up raises Problem for what is not there, or not there for them."""

    def __init__(self, world: World, caller: Caller) -> None:
        self.world = world
        self.caller = caller
        self.state = world.state

    def issue(self, name: str) -> Issue:
        """Return an issue by id or identifier."""
        found = self.state.issue(name)
        if found is None or not self.caller.sees(found.team):
            raise not_found("Issue")
        return found

    def comment(self, comment_id: str) -> Comment:
        """Return a comment by its id."""
        found = self.state.comments.get(comment_id)
        if found is None or not self.caller.sees(found.issue.team):
            raise not_found("Comment")
        return found

    def session(self, session_id: str) -> AgentSession:
        """Return an agent session by its id."""
        found = self.state.sessions.get(session_id)
        if found is None or not self.caller.sees(found.issue.team):
            raise not_found("AgentSession")
        return found

    def team(self, name: str) -> Team:
        """Return a team by id or key."""
        found = self.state.team_named(name)
        if found is None or not self.caller.sees(found):
            raise not_found("Team")
        return found

    def user(self, user_id: str) -> User:
        """Return a user by id; `me` is the caller."""
        if user_id == "me":
            return self.caller.user
        return _known(self.state.users, user_id, "User")

    def workflow_state(self, state_id: str) -> WorkflowState:
        """Return a workflow state by its id."""
        return _known(self.state.states, state_id, "WorkflowState")

    def label(self, label_id: str) -> Label:
        """Return a label by its id."""
        return _known(self.state.labels, label_id, "IssueLabel")

    def project(self, project_id: str) -> Project:
        """Return a project by its id."""
        return _known(self.state.projects, project_id, "Project")

    def page(self, records: Iterable[RecordT], shape: Shape[RecordT], args: Mapping[str, Any]) -> Json:
        """Return a connection: filtered, the newest first as Linear sorts, and cut to what was asked for."""
        if args.get("sort"):
            raise invalid("The emulator does not sort: ask for orderBy")
        by_update = args.get("orderBy") == "updatedAt"
        # Of what was made at the same moment, what was made later comes first.
        newest = list(records)[::-1]
        newest.sort(key=lambda one: one.updated_at if by_update else one.created_at, reverse=True)
        nodes = [shape(self, one) for one in newest]
        wanted = args.get("filter")
        if wanted is not None:
            nodes = [node for node in nodes if matches(node, wanted)]
        return connection(nodes, args)


def connection(nodes: list[Json], args: Mapping[str, Any]) -> Json:
    """Return one page of nodes; a cursor is a node's id. https://linear.app/developers/pagination"""
    first, last = args.get("first"), args.get("last")
    size = last if first is None and last is not None else (DEFAULT_PAGE if first is None else first)
    if not 0 < size <= LARGEST_PAGE:
        raise invalid(f"first and last must be between 1 and {LARGEST_PAGE}")
    ids = [node["id"] for node in nodes]
    start = _index(ids, args["after"]) + 1 if args.get("after") else 0
    end = _index(ids, args["before"]) if args.get("before") else len(ids)
    if first is None and last is not None:
        start = max(start, end - size)
    else:
        end = min(end, start + size)
    cut = nodes[start:end]
    return {
        "nodes": cut,
        "edges": [{"cursor": node["id"], "node": node} for node in cut],
        "pageInfo": {
            "hasNextPage": end < len(nodes), "hasPreviousPage": start > 0,
            "startCursor": cut[0]["id"] if cut else None, "endCursor": cut[-1]["id"] if cut else None,
        },
    }


def _index(ids: list[str], cursor: str) -> int:
    if cursor not in ids:
        raise invalid("The cursor is not one of this list")
    return ids.index(cursor)


def _known(records: Mapping[str, RecordT], record_id: str, kind: str) -> RecordT:
    found = records.get(record_id)
    if found is None:
        raise not_found(kind)
    return found
