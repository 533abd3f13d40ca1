"""What is in a commit and between two of them: files, directories, differences."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from app.emulators.github.store import git


@dataclass(frozen=True)
class FileChange:
    """One file of a difference between two commits; `sha` is the blob it became."""

    filename: str
    status: str
    sha: str
    additions: int
    deletions: int
    previous_filename: str | None = None


@dataclass(frozen=True)
class TreeEntry:
    """One entry of a directory at a commit."""

    mode: str
    kind: str
    sha: str
    size: int
    path: str


def changes(path: Path, base: str, head: str) -> list[FileChange]:
    """Return what `head` changed since it left `base` (three dots, as a pull request shows it)."""
    raw = git(path, "diff", "--raw", "--abbrev=40", "-M", "-z", f"{base}...{head}").decode(errors="replace").split("\0")
    found: dict[str, tuple[str, str, str | None]] = {}
    fields = iter(raw)
    for entry in fields:
        if not entry:
            continue
        _, _, old, new, kind = entry.split(" ")
        first = next(fields)
        name, previous = (next(fields), first) if kind[0] in "RC" else (first, None)
        status = {"A": "added", "D": "removed", "R": "renamed", "C": "copied"}.get(kind[0], "modified")
        found[name] = (status, old if status == "removed" else new, previous)
    counts = _counts(git(path, "diff", "--numstat", "-M", "-z", f"{base}...{head}").decode(errors="replace"))
    return [
        FileChange(name, status, sha, *counts.get(name, (0, 0)), previous_filename=previous)
        for name, (status, sha, previous) in found.items()
    ]


def _counts(numstat: str) -> dict[str, tuple[int, int]]:
    """Read `git diff --numstat -z`: added, deleted, name; a rename gives an empty name and then both names."""
    counts: dict[str, tuple[int, int]] = {}
    fields = iter(numstat.split("\0"))
    for entry in fields:
        if not entry:
            continue
        added, deleted, name = entry.split("\t")
        if not name:
            next(fields)
            name = next(fields)
        counts[name] = (0, 0) if added == "-" else (int(added), int(deleted))
    return counts


def patch(path: Path, base: str, head: str, *names: str) -> str:
    """Return the difference as text, of all files or of the named ones."""
    return git(path, "diff", "-M", f"{base}...{head}", "--", *names).decode(errors="replace")


def entries(path: Path, commit: str, name: str) -> list[TreeEntry]:
    """Return the entry `name` at a commit, or what is in that directory; nothing when it is not there."""
    found = _ls_tree(path, commit, *([name] if name else []))
    if name and len(found) == 1 and found[0].kind == "tree":
        return _ls_tree(path, commit, f"{name}/")
    return found


def _ls_tree(path: Path, commit: str, *names: str) -> list[TreeEntry]:
    listing = git(path, "--literal-pathspecs", "ls-tree", "-l", "-z", commit, "--", *names).decode(errors="replace")
    found = []
    for line in listing.split("\0"):
        if line:
            facts, name = line.split("\t", 1)
            mode, kind, sha, size = facts.split()
            found.append(TreeEntry(mode, kind, sha, 0 if size == "-" else int(size), name))
    return found


def all_files(path: Path, commit: str) -> list[str]:
    """Return the names of all files at a commit."""
    return [name for name in git(path, "ls-tree", "-r", "-z", "--name-only", commit).decode().split("\0") if name]


def blob(path: Path, sha: str) -> bytes:
    """Return the bytes of a blob."""
    return git(path, "cat-file", "blob", sha)


def read_directory(directory: Path) -> dict[str, tuple[str, bytes]]:
    """Return every file below a directory as name -> (git mode, bytes); `.git` is left out, links stay links."""
    files: dict[str, tuple[str, bytes]] = {}
    for found in sorted(directory.rglob("*")):
        name = found.relative_to(directory).as_posix()
        if ".git" in name.split("/"):
            continue
        if found.is_symlink():
            files[name] = ("120000", str(found.readlink()).encode())
        elif found.is_file():
            mode = "100755" if found.stat().st_mode & stat.S_IXUSR else "100644"
            files[name] = (mode, found.read_bytes())
    return files
