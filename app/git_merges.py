"""Merges made in a bare repository, without a checkout: conflicts stay in the files, between git's markers.

https://git-scm.com/docs/git-merge-tree
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from app.git import Git
from app.git_trees import commit_tree

_TIMEOUT_SECONDS = 300.0
_SAID_BYTES = 4 << 20
_MESSAGE_CHARACTERS = 20_000
_MARKERS = r"^(<<<<<<<|>>>>>>>) "


class Merge(NamedTuple):
    """A merge commit, and its two parents: the head that it is for, and what was merged into that."""

    commit: str
    head: str
    merged: str


def merge(git: Git, git_dir: Path, head: str, other: str, title: str) -> tuple[str, bool]:
    """Return a commit that merges `other` into `head`, and whether they conflict; the same two always give the same commit.

    Its message names after `title` what git made of each file. Raises WorkspaceError, such as for histories that have nothing in common.
    """
    answer = git.run(
        "merge-tree", "--write-tree", "--messages", "--end-of-options", head, other, git_dir=git_dir, accept=(0, 1), caged=True,
        timeout_seconds=_TIMEOUT_SECONDS, limit_bytes=_SAID_BYTES,
    )
    tree, _, said = answer.stdout.decode("utf-8", "replace").partition("\n")
    message = f"{title}\n\n{said.strip()[:_MESSAGE_CHARACTERS]}\n"
    return commit_tree(git, git_dir, tree.strip(), (head, other), message), answer.code == 1


def merge_below(git: Git, git_dir: Path, commit: str, head: str) -> Merge | None:
    """Return the merge into `head` that `commit` is, or stands on directly; None where it is none."""
    listed = git.run("rev-list", "--parents", "--max-count=2", "--first-parent", "--end-of-options", commit, git_dir=git_dir).text
    for line in listed.splitlines():
        found, *parents = line.split(" ")
        if len(parents) == 2 and parents[0] == head:
            return Merge(found, *parents)
    return None


def marked_files(git: Git, git_dir: Path, commit: str) -> set[str]:
    """Return the text files of a commit that hold conflict markers. Raises WorkspaceError."""
    found = git.run(
        "grep", "-I", "-l", "-z", "-E", "-e", _MARKERS, commit, git_dir=git_dir, accept=(0, 1), caged=True,
        timeout_seconds=_TIMEOUT_SECONDS, limit_bytes=_SAID_BYTES,
    )
    return {name.decode("utf-8", "replace").removeprefix(f"{commit}:") for name in found.stdout.split(b"\0") if name}
