"""The bare git repositories behind the emulated ones, through git's own plumbing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.emulators.github.hooks import POST_RECEIVE, PRE_RECEIVE
from app.errors import ConfigurationError, ServiceError

GIT_TIMEOUT_SECONDS = 60.0
NO_COMMIT = "0" * 40


@dataclass(frozen=True)
class Signature:
    """Who wrote a commit, and when (UTC)."""

    name: str
    email: str
    at: datetime


@dataclass(frozen=True)
class Commit:
    """One commit, as git tells it."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str


def git_environment() -> dict[str, str]:
    """Return the whole environment that git runs in: nothing of the caller's own configuration counts."""
    git = shutil.which("git")
    if git is None:
        raise ConfigurationError("git is not installed, and the GitHub emulator keeps its repositories in it; install git")
    return {
        "PATH": f"{Path(git).parent}{os.pathsep}{os.defpath}",
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        # The repositories may lie on a mount whose owner is another uid.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }


def git(path: Path, *arguments: str, stdin: bytes | None = None) -> bytes:
    """Run git in a bare repository and return its standard output. Raises ServiceError when git fails."""
    done = subprocess.run(
        ["git", "-C", str(path), *arguments],
        input=stdin, capture_output=True, env=git_environment(), timeout=GIT_TIMEOUT_SECONDS, check=False,
    )
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip()
        raise ServiceError(f"git {arguments[0]} failed in {path}: {words}", reason="git", retryable=False)
    return done.stdout


def init(path: Path, default_branch: str) -> None:
    """Make an empty bare repository that may be fetched from and pushed to."""
    path.mkdir(parents=True, exist_ok=True)
    git(path, "init", "-q", "--bare", f"--initial-branch={default_branch}", "--template=", ".")
    # GitHub serves any commit that a ref reaches by its id, partial clones too, and keeps pull refs to itself.
    with (path / "config").open("a", encoding="utf-8") as config:
        config.write("[uploadpack]\n\tallowAnySHA1InWant = true\n\tallowFilter = true\n[receive]\n\thideRefs = refs/pull\n[gc]\n\tauto = 0\n")
    hooks = path / "hooks"
    hooks.mkdir(exist_ok=True)
    for name, script in (("pre-receive", PRE_RECEIVE), ("post-receive", POST_RECEIVE)):
        (hooks / name).write_text(script, encoding="utf-8")
        (hooks / name).chmod(0o755)


def resolve(path: Path, revision: str) -> str | None:
    """Return the commit that a branch, tag, ref or (abbreviated) id names, or None."""
    if not revision or revision.startswith("-") or re.search(r"[\s:^~?*\[\\]|\.\.|@\{", revision):
        return None
    candidates = [revision] if revision.startswith("refs/") else [f"refs/heads/{revision}", f"refs/tags/{revision}"]
    if re.fullmatch(r"[0-9a-f]{4,40}|HEAD", revision):
        candidates.append(revision)
    for candidate in candidates:
        try:
            return git(path, "rev-parse", "--verify", "-q", f"{candidate}^{{commit}}").decode().strip()
        except ServiceError:
            continue
    return None


def refs(path: Path, prefix: str = "refs/heads/") -> dict[str, str]:
    """Return every ref below `prefix` with the commit it points at, in order of name."""
    lines = git(path, "for-each-ref", "--format=%(refname) %(objectname)", prefix).decode().splitlines()
    return dict(line.split(" ", 1) for line in lines)


def update_ref(path: Path, ref: str, sha: str) -> None:
    """Point a ref at a commit, or remove it when `sha` is NO_COMMIT."""
    git(path, "update-ref", *(["-d", ref] if sha == NO_COMMIT else [ref, sha]))


def fetch(path: Path, source: Path, refspec: str) -> None:
    """Bring a ref of another bare repository here, as opening a pull request from a fork does."""
    git(path, "fetch", "-q", "--no-tags", f"file://{source}", refspec)


def read_commit(path: Path, sha: str) -> Commit:
    """Return one commit. Raises ServiceError when there is none."""
    layout = "%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B"
    words = git(path, "show", "-s", f"--format={layout}", sha).decode(errors="replace")
    commit, tree, parents, an, ae, at, cn, ce, ct, message = words.split("\0", 9)
    return Commit(
        sha=commit,
        tree=tree,
        parents=tuple(parents.split()),
        author=Signature(an, ae, datetime.fromtimestamp(int(at), UTC)),
        committer=Signature(cn, ce, datetime.fromtimestamp(int(ct), UTC)),
        message=message.rstrip("\n"),
    )


def commits_between(path: Path, base: str, head: str, limit: int = 250) -> list[str]:
    """Return the ids reachable from `head` and not from `base`, oldest first; `base` may be NO_COMMIT."""
    span = head if base == NO_COMMIT else f"{base}..{head}"
    return git(path, "rev-list", "--reverse", f"--max-count={limit}", span).decode().split()


def is_ancestor(path: Path, ancestor: str, commit: str) -> bool:
    """Return whether `commit` contains `ancestor`."""
    try:
        git(path, "merge-base", "--is-ancestor", ancestor, commit)
    except ServiceError:
        return False
    return True


def commit_files(
    path: Path, branch: str, files: Mapping[str, tuple[str, bytes] | None], *,
    message: str, author: Signature, parent: str | None, whole_tree: bool = False,
) -> str:
    """Write a commit on `branch` and return its id; the same input gives the same id.

    `files` maps a name to (git mode, bytes), or to None to remove it. With `whole_tree` nothing else stays.
    """
    who = f"{author.name} <{author.email}> {int(author.at.timestamp())} +0000".encode()
    words = message.encode()
    stream = [
        b"commit refs/heads/%s\nauthor %s\ncommitter %s\ndata %d\n%s\n" % (branch.encode(), who, who, len(words), words)
    ]
    if parent:
        stream.append(b"from %s\n" % parent.encode())
    if whole_tree:
        stream.append(b"deleteall\n")
    for name, content in files.items():
        quoted = b'"%s"' % name.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
        if content is None:
            stream.append(b"D %s\n" % quoted)
        else:
            stream.append(b"M %s inline %s\ndata %d\n%s\n" % (content[0].encode(), quoted, len(content[1]), content[1]))
    git(path, "fast-import", "--quiet", "--force", "--date-format=raw", stdin=b"".join(stream) + b"done\n")
    made = resolve(path, f"refs/heads/{branch}")
    if made is None:
        raise ServiceError(f"git fast-import left no branch {branch} in {path}", reason="git", retryable=False)
    return made


def goes_together(path: Path, base: str, head: str) -> bool:
    """Return whether two commits can be merged without a conflict."""
    try:
        git(path, "merge-tree", "--write-tree", base, head)
    except ServiceError:
        return False
    return True


def merge_commit(path: Path, base: str, head: str, *, message: str, author: Signature) -> str | None:
    """Make a merge commit of two commits without a work tree; return its id, or None on a conflict."""
    try:
        tree = git(path, "merge-tree", "--write-tree", base, head).decode().split("\n", 1)[0]
    except ServiceError:
        return None
    who = f"{author.name} <{author.email}> {int(author.at.timestamp())} +0000"
    raw = f"tree {tree}\nparent {base}\nparent {head}\nauthor {who}\ncommitter {who}\n\n{message}\n"
    return git(path, "hash-object", "-t", "commit", "-w", "--stdin", stdin=raw.encode()).decode().strip()
