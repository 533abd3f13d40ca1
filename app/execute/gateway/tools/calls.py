"""The tools that an agent has: names, words for its model, and what each takes. Pure."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import Field, StringConstraints

from app.core.noun import Noun

# Well below the time after which a silent agent is stopped, and below what agents' own clients wait for a tool.
DEFAULT_WAIT_SECONDS = 45
MAX_WAIT_SECONDS = 240


class PostUpdate(Noun):
    """Tell the people in the thread how far the work is, in a sentence or two."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class Ask(Noun):
    """Ask the people in the thread something that the work depends on, and wait a while for the answer.

    The same question asked again waits on, and counts as the same.
    """

    question: Annotated[str, StringConstraints(min_length=1, max_length=2000)]
    wait_seconds: Annotated[int, Field(ge=0, le=MAX_WAIT_SECONDS)] = DEFAULT_WAIT_SECONDS


class ProposePullRequest(Noun):
    """Say how the pull request of this work should be titled and described. The last call counts.

    Commit the work in the workspace as usual: Bellhop looks through it, pushes it and opens the pull request.
    """

    title: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    body: Annotated[str, StringConstraints(max_length=20_000)] = ""


class CommentOnLine(Noun):
    """Comment on one line of the pull request's change that you review, by its number in the file as it is checked out here.

    All comments are posted together, in one review, when the work is over.
    """

    path: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    line: Annotated[int, Field(ge=1)]
    text: Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class ReportNothingToDo(Noun):
    """Say that there is nothing to change, and why. Leave the files as they were."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class Tool(NamedTuple):
    """One tool: `limit` is how often a run may use it, for the report of kind `report`."""

    takes: type[Noun]
    report: str
    limit: int


TOOLS: dict[str, Tool] = {
    "post_update": Tool(PostUpdate, "update", 20),
    "ask": Tool(Ask, "question", 5),
    "propose_pull_request": Tool(ProposePullRequest, "proposed_pull_request", 5),
    "report_nothing_to_do": Tool(ReportNothingToDo, "nothing_to_do", 3),
}


# What only those have who review a change, beside the others.
REVIEW_TOOLS: dict[str, Tool] = {"comment_on_line": Tool(CommentOnLine, "line_comment", 50)}


def tools_of(*, is_review: bool) -> dict[str, Tool]:
    """Return the tools of a run by their names."""
    return TOOLS | REVIEW_TOOLS if is_review else TOOLS


def described(tool: Tool) -> str:
    """Return what a model is told of a tool."""
    words = " ".join((tool.takes.__doc__ or "").split())
    return f"{words} At most {tool.limit} in a run."
