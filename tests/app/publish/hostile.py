"""An agent at its worst, over real git, and what it hands to the publisher."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from app.core.profile import Limits
from app.git import Git
from app.publish.candidate import Candidate
from app.publish.quarantine import import_bundle

ENV = {
    "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C",
    "GIT_AUTHOR_NAME": "A Maintainer", "GIT_AUTHOR_EMAIL": "maintainer@example.invalid",
    "GIT_COMMITTER_NAME": "A Maintainer", "GIT_COMMITTER_EMAIL": "maintainer@example.invalid",
    "GIT_AUTHOR_DATE": "@1700000000 +0000", "GIT_COMMITTER_DATE": "@1700000000 +0000",
}


@dataclass
class Agent:
    """An agent at its worst: it writes objects by hand, and bundles what it likes."""

    place: Path
    base: str
    state: Path
    mirror: Path
    run_id: str = "abcdefabcdef"
    _counter: list[int] = field(default_factory=list)

    def git(self, *arguments: str, stdin: bytes | None = None) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.place, input=stdin, capture_output=True, check=True, env=ENV)
        return done.stdout.decode().strip()

    def blob(self, content: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", stdin=content)

    def tree(self, *entries: tuple[str, bytes, str]) -> str:
        """Write a tree as raw bytes, so that git's own checks are not asked."""
        raw = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(sha) for mode, name, sha in entries)
        return self.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=raw)

    def commit(self, tree: str, *parents: str) -> str:
        options = [part for parent in parents or (self.base,) for part in ("-p", parent)]
        return self.git("commit-tree", tree, *options, "-m", "work")

    def write(self, path: str, content: str) -> str:
        """Change one file the ordinary way and return the new commit."""
        target = self.place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        self.git("add", "--force", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", f"Co-authored-by nobody: {path}")
        return self.git("rev-parse", "HEAD")

    def bundle(self, head: str, *options: str) -> Path:
        self._counter.append(0)
        path = self.place.parent / f"bundle-{len(self._counter)}"
        self.git("update-ref", "refs/heads/out", head)
        self.git("bundle", "create", "--quiet", str(path), *options, f"{self.base}..refs/heads/out")
        return path

    def send(self, bundle: Path, head: str, limits: Limits | None = None) -> Candidate | None:
        """Hand a bundle to the publisher, with the head that the runner claims."""
        return import_bundle(
            Git(), self.state, self.run_id, bundle, self.mirror, self.base, head, limits=limits or Limits(),
            bundle_limit_bytes=8 << 20,
        )

    def propose(self, head: str, limits: Limits | None = None) -> Candidate:
        found = self.send(self.bundle(head), head, limits)
        assert found is not None
        return found
