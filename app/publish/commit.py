"""The one commit that is published: the agent's tree on the base, made and signed for by Bellhop.

The agent's own commits never leave the quarantine, so neither do their authors, dates, messages or intermediate trees.
"""

from __future__ import annotations

import re

from app.core.event import Actor
from app.errors import PublishRefused
from app.git import Git
from app.git_merges import Merge
from app.publish.candidate import Candidate
from app.publish.inert import block, line

RUN_TRAILER = "Bellhop-Run"
PUBLISHED_REF = "refs/bellhop/published"

# GitHub starts no `push` or `pull_request` workflow for a head commit that says this anywhere in its message. The
# other documented form, the trailer `skip-checks: true`, holds only as the very last trailer after two empty lines:
# one tool that tidies the message or appends a trailer, and CI would run with the repository's secrets. This one
# cannot come undone by its place.
# https://docs.github.com/en/actions/how-tos/manage-workflow-runs/skip-workflow-runs
SKIP_CI = "[skip ci]"

_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,80}(?:\[bot\])?")


def commit_message(*, title: str, body: str, run_id: str, requester: Actor | None, hold_ci: bool) -> str:
    """Return the message; `title` and `body` may be anybody's words and end up inert, the trailers are Bellhop's."""
    parts = [line(title, 100) or "Change made by Bellhop"]
    if body.strip():
        parts.append(_body(body))
    if hold_ci:
        parts.append(SKIP_CI)
    trailers = []
    if requester is not None and _LOGIN.fullmatch(requester.login) and requester.id.isdigit():
        address = f"{requester.id}+{requester.login}@users.noreply.github.com"
        trailers.append(f"Co-authored-by: {requester.login} <{address}>")
    trailers.append(f"{RUN_TRAILER}: {run_id}")
    return "\n\n".join([*parts, "\n".join(trailers)]) + "\n"


def make_commit(
    git: Git, candidate: Candidate, message: str, *, name: str, email: str, date_seconds: int, merge: Merge | None = None
) -> str:
    """Make the commit in the quarantine and return its id; the same arguments give the same id.

    It stands on the candidate's base; where that is a merge of Bellhop's own, with conflicts in it, it takes the place of
    that, with both of its parents.

    `date_seconds` is seconds since 1970. Raises WorkspaceError, PublishRefused (an identity that git would not take).
    """
    if not re.fullmatch(r"[^<>\x00-\x1f]+", name) or not re.fullmatch(r"[^<>\s]+", email):
        raise PublishRefused(f"Bellhop cannot commit as {name!r} <{email!r}>: check the bot's name.", reason="bad_identity")
    who = {"NAME": name, "EMAIL": email, "DATE": f"@{date_seconds} +0000"}
    env = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
    parents = ("-p", candidate.base_commit) if merge is None else ("-p", merge.head, "-p", merge.merged)
    commit = git.run(
        "commit-tree", candidate.tree, *parents, git_dir=candidate.git_dir, env=env, stdin=message.encode(),
    ).text
    git.run("update-ref", PUBLISHED_REF, commit, git_dir=candidate.git_dir)
    return commit


def _body(body: str) -> str:
    """Return the body without what a fence is made of: a commit message is not markdown.

    It is wrapped already, and before it was made inert: wrapped again, words could come to stand where a trailer does.
    """
    return "\n".join(block(body, 4000).split("\n")[1:-1])
