"""Workspaces of one host: fetch, prepare, discard, prune."""

from __future__ import annotations

import os
import re
import time
import zlib
from collections.abc import Set as AbstractSet
from pathlib import Path

from app.core.event import Repo
from app.core.grant import Credential
from app.core.sandbox.agent_config import Entry
from app.errors import WorkspaceError
from app.execute.workspace import base, mirror
from app.execute.workspace.homes import Given, Homes, given_to, stand_on
from app.execute.workspace.joined import joined
from app.execute.workspace.layers import Layers
from app.execute.workspace.locks import locked
from app.execute.workspace.removal import remove_tree
from app.execute.workspace.trusted import with_trusted_config
from app.execute.workspace.usage import used_mb
from app.git import Git, Remote
from app.git_trees import read_files
from app.ports import PreparedWorkspace
from app.settings import Settings

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,80}")
_BRANCH = re.compile(r"(?!.*(?:\.\.|//|\.lock(?:/|$)|@\{))[^\s\x00-\x20\x7f~^:?*\[\\/.-][^\s\x00-\x20\x7f~^:?*\[\\]{0,200}(?<![/.])")


class Workspaces:
    """Everything below `state_dir` that a run's files are made of.

    A checkout is made once for each commit and user, and shared read-only by all runs that start there; a run's
    own writable layer starts empty, or with what the run that it follows up has left. So a second run on the same commit copies nothing, whatever the repository's size.
    """

    def __init__(self, settings: Settings) -> None:
        self.git = Git.from_settings(settings)
        self._state = settings.state_dir
        self.homes = Homes(settings.state_dir / "homes")
        self.layers = Layers(settings.state_dir / "layers", lambda: self._lock("layers"))

    def mirror(self, repo: Repo) -> Path:
        """Return where the repository's mirror is."""
        return self._directory("mirrors") / f"{repo.id}.git"

    def fetch(
        self, repo: Repo, clone_url: str, credential: Credential | None, ref_or_commit: str = "", pull: int | None = None
    ) -> str:
        """Fetch the repository into its mirror and return the commit of a branch (default: the default one) or a commit.

        `pull` brings the head of that pull request too, wherever it comes from. Raises ServiceError, WorkspaceError.
        """
        remote = Remote(url=clone_url, token=credential.token if credential else None)
        wanted = ref_or_commit.removeprefix("refs/heads/") or repo.default_branch
        return mirror.fetch(self.git, self._directory("mirrors"), repo, remote, wanted, pull)

    def files(self, git_dir: Path, commit: str) -> dict[str, Entry]:
        """Return every file of a commit in a mirror, or in a quarantine, by its path. Raises WorkspaceError."""
        return read_files(self.git, git_dir, commit)

    def with_trusted_config(self, repo: Repo, head: str, trusted: str) -> str:
        """Return `head`, or a commit over it, with the agent configuration of `trusted`; the mirror holds both.

        Raises WorkspaceError.
        """
        return with_trusted_config(self.git, self.mirror(repo), head, trusted)

    def joined(self, repo: Repo, head: str, base: str, *, head_ref: str, base_ref: str) -> str:
        """Return the commit that merges `base` into `head`, with git's conflict markers in its files; the mirror holds both.

        Raises PublishRefused where they do not conflict, WorkspaceError.
        """
        return joined(self.git, self.mirror(repo), head, base, head_ref=head_ref, base_ref=base_ref)

    def prepare(
        self, repo: Repo, commit: str, sandbox_id: str, uid: int, gid: int, origin: str = "", home_of: str | None = None,
        stands_on: str = "", layer: str | None = None,
    ) -> PreparedWorkspace:
        """Lay out the workspace of a sandbox at a commit that the mirror holds; safe to repeat.

        `origin` becomes the checkout's remote; one that is there already keeps what it was made with. `home_of` is the run
        whose kept HOME it gets, instead of an empty one, with the files that it left in the workspace if those were written over
        the same programs and layers, which `stands_on` names; `layer` is what it stands on itself. Raises WorkspaceError.
        """
        home = self.base(repo, commit, uid).parent
        with locked(self._lock(home.name), base.CLONE_TIMEOUT_SECONDS):
            self._build(home, self.mirror(repo), commit, uid=uid, gid=gid, branch=repo.default_branch, origin=origin)
            os.utime(home / "ready")
        return self._over(home / "tree", self._scratch(sandbox_id, uid, gid, home_of, stands_on), commit, layer)

    def continues(self, sandbox_id: str) -> Given | None:
        """Return what a sandbox was given of an earlier run, or None."""
        return given_to(self._directory("scratch") / _checked(sandbox_id))

    def keep_home(self, sandbox_id: str, run_id: str, *, home_mb: int, files_mb: int) -> bool:
        """Keep what a sandbox that is gone has in its HOME and its workspace, unless that is too much; False where nothing was.

        Raises WorkspaceError.
        """
        scratch = self._directory("scratch") / _checked(sandbox_id)
        return self.homes.keep(scratch, _checked(run_id), home_mb=home_mb, files_mb=files_mb)

    def give_back(self, sandbox_id: str) -> None:
        """Put back what a sandbox was given and nobody has used. Raises WorkspaceError."""
        self.homes.give_back(self._directory("scratch") / _checked(sandbox_id))

    def prepare_result(
        self, git_dir: Path, commit: str, sandbox_id: str, uid: int, gid: int, branch: str = "main", layer: str | None = None
    ) -> PreparedWorkspace:
        """Lay out a workspace at a commit of a quarantine repository, for `verify`; safe to repeat.

        No other run will start at that commit, so its checkout lies beside the sandbox's own layer and goes with it.
        Raises WorkspaceError.
        """
        scratch = self._scratch(sandbox_id, uid, gid)
        home = scratch / "result"
        with locked(self._lock(sandbox_id), base.CLONE_TIMEOUT_SECONDS):
            self._build(home, git_dir, commit, uid=uid, gid=gid, branch=branch)
        return self._over(home / "tree", scratch, commit, layer)

    def keep_layer(self, sandbox_id: str, name: str) -> None:
        """Keep what a setup sandbox that is gone has left, as the layer of that name; safe to repeat. Raises WorkspaceError."""
        self.layers.keep(self._directory("scratch") / _checked(sandbox_id), name)

    def layers_in_use(self) -> set[str]:
        """Return the layers that sandboxes with files here stand on."""
        found = (self.layers.under(scratch) for scratch in self._directory("scratch").iterdir())
        return {name for name in found if name is not None}

    def used_mb(self, sandbox_id: str) -> int | None:
        """Return the megabytes that a sandbox has written; None when that cannot be told. Raises WorkspaceError."""
        return used_mb(self._directory("scratch") / _checked(sandbox_id))

    def discard(self, sandbox_id: str) -> None:
        """Remove what a sandbox has written; nothing there is no error. Raises WorkspaceError (still mounted)."""
        scratch = self._directory("scratch") / _checked(sandbox_id)
        self.layers.leave(scratch)
        remove_tree(scratch)

    def discard_run(self, run_id: str) -> None:
        """Remove the run's quarantine and the bundles that its sandboxes sent. Raises WorkspaceError."""
        remove_tree(self._state / "quarantine" / _checked(run_id))
        for bundle in self._directory("bundles").iterdir():
            if _run_id(bundle) == run_id:
                remove_tree(bundle)

    def scratch_ids(self) -> list[str]:
        """Return the ids of all sandboxes that have files here, for the sweeper."""
        return sorted(entry.name for entry in self._directory("scratch").iterdir())

    def result_ids(self) -> list[str]:
        """Return the ids of all runs that have a quarantine or a bundle here, for the sweeper."""
        return sorted({_run_id(entry) for name in ("quarantine", "bundles") for entry in self._directory(name).iterdir()})

    def base(self, repo: Repo, commit: str, uid: int) -> Path:
        """Return where the prepared checkout of a commit is, or would be: the `lower` of its workspaces."""
        return self._directory("bases") / f"{repo.id}-{commit}-{uid}" / "tree"

    def prune(self, keep_bases: int, in_use: AbstractSet[Path], unused_seconds: float = 3600.0) -> list[Path]:
        """Remove the least recently used checkouts beyond `keep_bases`, and return them.

        Kept in any case: those in `in_use` (the `lower` of a live sandbox) and those asked for in the last
        `unused_seconds`, whose sandbox may not be on file yet. Raises WorkspaceError.
        """
        bases = self._directory("bases")
        now = time.time()
        for leftover in bases.glob(".*"):
            if now - leftover.lstat().st_mtime > max(unused_seconds, base.CLONE_TIMEOUT_SECONDS * 3):
                remove_tree(leftover)
        newest_first = sorted(bases.glob("[!.]*/ready"), key=lambda ready: ready.stat().st_mtime, reverse=True)
        removed = []
        for ready in newest_first[max(keep_bases, 0):]:
            with locked(self._lock(ready.parent.name), 60):
                if {ready.parent, ready.parent / "tree"} & in_use or now - ready.stat().st_mtime < unused_seconds:
                    continue
                doomed = bases / f".{ready.parent.name}.{os.urandom(4).hex()}"
                ready.parent.rename(doomed)
            remove_tree(doomed)
            removed.append(ready.parent)
        return removed

    def _over(self, lower: Path, scratch: Path, commit: str, layer: str | None) -> PreparedWorkspace:
        if layer is None:
            return PreparedWorkspace(lower=lower, scratch=scratch, base_commit=commit)
        # Before it is looked for: from here on the sweeper leaves it alone, and whoever dies in between leaves a mark that costs nothing.
        self.layers.put(scratch, layer)
        place = self.layers.find(layer)
        if place is None:
            raise WorkspaceError(f"the layer {layer} was removed meanwhile; it is tried again", reason="no_layer")
        (scratch / "home-work").mkdir(mode=0o700, exist_ok=True)
        return PreparedWorkspace(lower=lower, scratch=scratch, base_commit=commit, layer=place, needs_overlay=True)

    def _build(
        self, home: Path, source: Path, commit: str, *, uid: int, gid: int, branch: str, origin: str = ""
    ) -> None:
        if (home / "ready").exists():
            return
        if not mirror.COMMIT.fullmatch(commit) or not _BRANCH.fullmatch(branch):
            raise WorkspaceError(
                f"{commit[:80]!r} on {branch[:80]!r} names no commit of a branch", reason="no_such_commit", retryable=False
            )
        growing = home.parent / f".{home.name}.{os.urandom(4).hex()}"
        remove_tree(home)  # without its marker it is not whole
        try:
            growing.mkdir()
            growing.chmod(0o711)
            ref = mirror.pin(self.git, source, commit)
            base.build(self.git, source, ref, branch, growing / "tree", origin)
            base.give(growing / "tree", uid, gid)
            (growing / "ready").write_text(f"{commit}\n", encoding="utf-8")
            growing.rename(home)
        finally:
            remove_tree(growing)

    def _scratch(self, sandbox_id: str, uid: int, gid: int, home_of: str | None = None, stands_on: str = "") -> Path:
        scratch = self._directory("scratch") / _checked(sandbox_id)
        scratch.mkdir(exist_ok=True)
        stand_on(scratch, stands_on)
        self.homes.give(home_of and _checked(home_of), scratch)
        # `work` is the kernel's own (overlayfs); the other two are the sandbox's.
        for path, mode, is_theirs in (
            (scratch, 0o711, False), (scratch / "upper", 0o755, True), (scratch / "work", 0o700, False), (scratch / "home", 0o700, True),
        ):
            path.mkdir(exist_ok=True)
            path.chmod(mode)
            if is_theirs and os.geteuid() == 0:
                os.chown(path, uid, gid, follow_symlinks=False)
        return scratch

    def _lock(self, name: str) -> Path:
        # A fixed number of files, because a lock's file must never be removed.
        return self._directory("locks") / f"tree-{zlib.crc32(name.encode()) % 64}"

    def _directory(self, name: str) -> Path:
        path = self._state / name
        if not path.is_dir():
            path.mkdir(parents=True, exist_ok=True)
            # What a sandbox's user must reach can be passed through, not listed.
            path.chmod(0o711 if name in ("bases", "scratch") else 0o700)
        return path


def _run_id(entry: Path) -> str:
    # `<run>` (quarantine), `<run>-work` (a bundle), `.<run>-work.<random>.part` (a bundle that never became whole).
    return entry.name.lstrip(".").partition("-")[0]


def _checked(name: str) -> str:
    if not _ID.fullmatch(name):
        raise WorkspaceError(f"{name[:80]!r} is no id of a sandbox or run", reason="workspace_name", retryable=False)
    return name
