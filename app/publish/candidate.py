"""What an agent proposes, as facts read from its objects: which files change, how, by how much."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from app.core.noun import Noun
from app.errors import PublishRefused
from app.git import Git

SYMLINK = "120000"
SUBMODULE = "160000"
ABSENT = "000000"

# Beyond these a result is not looked at any further; a profile's own limits are far below.
MAX_FILES = 10_000
_RAW_BYTES = 16 << 20
_TIMEOUT_SECONDS = 120.0
# A file beyond this is counted as binary instead of being compared line by line.
_BIG_FILE = {"core.bigFileThreshold": "8m"}
_DIFF = ("diff-tree", "-r", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color")


class FileChange(Noun):
    """One changed path, relative to the root; renames are a deletion and an addition.

    Modes are git's six octal digits, `000000` where there is no file; `status` is A, D, M or T (another type);
    `size` counts the new file's bytes; `added` and `deleted` count lines (None: binary).
    """

    path: str
    status: str
    old_mode: str
    new_mode: str
    size: int = 0
    added: int | None = None
    deleted: int | None = None


class Candidate(Noun):
    """A result in quarantine. `patch` is for people, cut at the profile's limit.

    `patch_bytes` counts the patch's text (up to that limit, when `patch_truncated`) and the binary files.
    """

    git_dir: Path
    base_commit: str
    head_commit: str
    tree: str
    changes: tuple[FileChange, ...]
    patch: str
    patch_bytes: int
    patch_truncated: bool = False


def read_candidate(git: Git, git_dir: Path, base_commit: str, head_commit: str, patch_limit_bytes: int) -> Candidate:
    """Read what changes between the two commits; nothing is checked out. Raises PublishRefused, WorkspaceError."""
    changes = read_changes(git, git_dir, base_commit, head_commit)
    patch = git.run(
        *_DIFF, "-p", base_commit, head_commit, git_dir=git_dir, config=_BIG_FILE, timeout_seconds=_TIMEOUT_SECONDS,
        limit_bytes=patch_limit_bytes, may_truncate=True, caged=True,
    )
    binary_bytes = sum(change.size for change in changes if change.added is None)
    return Candidate(
        git_dir=git_dir, base_commit=base_commit, head_commit=head_commit,
        tree=git.run("rev-parse", "--verify", f"{head_commit}^{{tree}}", git_dir=git_dir).text,
        changes=changes, patch=patch.stdout.decode("utf-8", "replace"),
        patch_bytes=len(patch.stdout) + binary_bytes, patch_truncated=patch.truncated,
    )


def read_changes(git: Git, git_dir: Path, base_commit: str, head_commit: str) -> tuple[FileChange, ...]:
    """Return the changed files in git's order. Raises PublishRefused (too many, or an unreadable name)."""
    raw = git.run(
        *_DIFF, "-z", "--raw", "--no-abbrev", base_commit, head_commit, git_dir=git_dir, timeout_seconds=_TIMEOUT_SECONDS,
        limit_bytes=_RAW_BYTES, may_truncate=True, caged=True,
    )
    fields = raw.stdout.split(b"\0")[:-1]
    if raw.truncated or len(fields) > 2 * MAX_FILES:
        raise PublishRefused(
            f"The result changes more than {MAX_FILES} files. Ask for a smaller change.", reason="too_many_files"
        )
    heads = [field.decode("ascii").removeprefix(":").split(" ") for field in fields[0::2]]
    names = [checked_path(field) for field in fields[1::2]]
    sizes = _sizes(git, git_dir, {head[3] for head in heads if head[1] not in (ABSENT, SUBMODULE)})
    lines = _lines(git, git_dir, base_commit, head_commit)
    return tuple(
        FileChange(
            path=name, status=head[4][:1], old_mode=head[0], new_mode=head[1], size=sizes.get(head[3], 0),
            added=lines[name][0], deleted=lines[name][1],
        )
        for head, name in zip(heads, names, strict=True)
    )


def checked_path(name: bytes) -> str:
    """Return a changed path as text. Raises PublishRefused for one that a person could not read as what it is."""
    try:
        path = name.decode("utf-8")
    except UnicodeDecodeError:
        path = ""
    if not path or len(name) > 4096 or any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Co") for c in path):
        shown = ascii(name.decode("utf-8", "replace"))[1:200]
        raise PublishRefused(
            f"The result changes a path whose name holds control, invisible or undecodable characters: {shown}. "
            "Ask for another name.", reason="odd_path",
        )
    return path


def _sizes(git: Git, git_dir: Path, objects: set[str]) -> dict[str, int]:
    if not objects:
        return {}
    asked = "".join(f"{name}\n" for name in sorted(objects)).encode()
    answer = git.run(
        "cat-file", "--batch-check=%(objectname) %(objectsize)", git_dir=git_dir, stdin=asked, limit_bytes=_RAW_BYTES,
        timeout_seconds=_TIMEOUT_SECONDS, caged=True,
    )
    pairs = (entry.split(" ") for entry in answer.text.splitlines())
    return {name: int(size) for name, size in pairs if size.isdigit()}


def _lines(git: Git, git_dir: Path, base_commit: str, head_commit: str) -> dict[str, tuple[int | None, int | None]]:
    answer = git.run(
        *_DIFF, "-z", "--numstat", base_commit, head_commit, git_dir=git_dir, config=_BIG_FILE, limit_bytes=_RAW_BYTES,
        timeout_seconds=_TIMEOUT_SECONDS, caged=True,
    )
    found: dict[str, tuple[int | None, int | None]] = {}
    for entry in answer.stdout.split(b"\0")[:-1]:
        added, deleted, name = entry.split(b"\t", 2)
        found[name.decode("utf-8")] = (None, None) if added == b"-" else (int(added), int(deleted))
    return found
