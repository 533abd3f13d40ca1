"""Trees of a bare repository as values: read whole, written anew. Nothing is checked out, and no link is followed."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from app.core.sandbox.agent_config import Entry, Files
from app.errors import WorkspaceError
from app.git import Git

_LISTING_BYTES = 128 << 20
_LINK_BYTES = 4096
_TIMEOUT_SECONDS = 300.0
# The same trees and parents always give the same commit, so that a worker which begins again finds what it made.
_NOBODY = {
    f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "Bellhop"), ("EMAIL", "bellhop@localhost.invalid"), ("DATE", "@0 +0000"))
}


def read_files(git: Git, git_dir: Path, commit: str) -> dict[str, Entry]:
    """Return every file, link and submodule of a commit by its path. Raises WorkspaceError."""
    listed = git.run(
        "ls-tree", "-r", "-z", "--full-tree", commit, git_dir=git_dir, timeout_seconds=_TIMEOUT_SECONDS,
        limit_bytes=_LISTING_BYTES, caged=True,
    )
    files: dict[str, Entry] = {}
    for line in listed.stdout.split(b"\0")[:-1]:
        facts, _, name = line.partition(b"\t")
        mode, _, object_id = facts.decode("ascii").split(" ")
        files[name.decode("utf-8", "surrogateescape")] = Entry(mode, object_id)
    return files


def read_link(git: Git, git_dir: Path, object_id: str) -> str:
    """Return the target of a link; an absolute one for what is too long to be one. Raises WorkspaceError."""
    target = git.run("cat-file", "blob", object_id, git_dir=git_dir, limit_bytes=_LINK_BYTES, may_truncate=True, caged=True)
    return "/" if target.truncated else target.stdout.decode("utf-8", "surrogateescape")


def write_commit(git: Git, git_dir: Path, start: str, before: Files, after: Files, message: str) -> str:
    """Return a commit over `start`, whose files are `before`, that has the files `after`; made in the object store only.

    Raises WorkspaceError.
    """
    gone = [_line("0", "0" * 40, path) for path in before if path not in after]
    changed = [_line(entry.mode, entry.object_id, path) for path, entry in after.items() if before.get(path) != entry]
    with tempfile.TemporaryDirectory(prefix="bellhop-index-") as place:
        env = {"GIT_INDEX_FILE": str(Path(place) / "index")}
        for arguments, stdin in (
            (("read-tree", start), b""), (("update-index", "-z", "--index-info"), b"".join([*gone, *changed])),
        ):
            git.run(*arguments, git_dir=git_dir, env=env, stdin=stdin, timeout_seconds=_TIMEOUT_SECONDS, caged=True)
        tree = git.run("write-tree", git_dir=git_dir, env=env, timeout_seconds=_TIMEOUT_SECONDS, caged=True).text
    if read_files(git, git_dir, tree) != dict(after):
        raise WorkspaceError("git made another tree than it was told to", reason="git", retryable=False)
    return commit_tree(git, git_dir, tree, (start,), message)


def commit_tree(git: Git, git_dir: Path, tree: str, parents: Sequence[str], message: str) -> str:
    """Return a commit of nobody's, without a date. Raises WorkspaceError."""
    above = [argument for parent in parents for argument in ("-p", parent)]
    return git.run("commit-tree", tree, *above, git_dir=git_dir, env=_NOBODY, stdin=message.encode()).text


def _line(mode: str, object_id: str, path: str) -> bytes:
    return f"{mode} {object_id}\t".encode() + path.encode("utf-8", "surrogateescape") + b"\0"
