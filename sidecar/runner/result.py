"""The agent's result as a git bundle of `base..HEAD`, made after the agent and all its processes are gone."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Files that programs leave behind and nobody proposes; only ever kept out when git does not track them.
LITTER = ("__pycache__/", "*.py[co]", ".pytest_cache/", ".mypy_cache/", ".ruff_cache/", ".tox/", ".venv/", "node_modules/", ".DS_Store")
SETTINGS = {
    # Nothing that the agent has configured in its repository runs a program of its choice or waits for a person.
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.pager": "cat",
    "commit.gpgSign": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "safe.directory": "*",
    "user.name": "Bellhop",
    "user.email": "bellhop@localhost",
    "advice.addEmbeddedRepo": "false",
}
COMMIT_MESSAGE = "Work left uncommitted by the agent"


class ResultFailed(Exception):
    """The result could not be collected; the message says what git said."""


@dataclass(frozen=True)
class Result:
    """What the agent left: HEAD, the bundle's file if it changes anything, and what git could not add."""

    head_commit: str
    bundle: Path | None = None
    size_bytes: int = 0
    left_out: str = ""


class Collector:
    """Runs git in one workspace, within one deadline for everything."""

    def __init__(self, workspace: str, home: str, tools: str, image: Mapping[str, str], seconds: float) -> None:
        self._workspace = workspace
        self._home = home
        self._deadline = time.monotonic() + seconds
        path = ":".join([*filter(None, image.get("PATH", os.defpath).split(":")), tools])
        self._git = shutil.which("git", path=path) or f"{tools}/git"
        self._env = {
            "PATH": path, "HOME": home, "LANG": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_OPTIONAL_LOCKS": "0",
        }

    def collect(self, base_commit: str) -> Result:
        """Commit what is uncommitted and bundle what differs from the base. Raises ResultFailed, OSError."""
        # New, under a name nobody knew: of a pipe that the agent put where we write, the opening would never come back.
        self._scratch = Path(tempfile.mkdtemp(prefix="result-", dir=self._home))
        # What held it is dead, and git would wait for it in vain.
        (Path(self._workspace) / ".git" / "index.lock").unlink(missing_ok=True)
        left_out = self._commit_rest()
        head = self._run("rev-parse", "--verify", "HEAD^{commit}")
        if self._run("rev-parse", "HEAD^{tree}") == self._run("rev-parse", f"{base_commit}^{{tree}}"):
            return Result(head, left_out=left_out)
        if not self._succeeds("merge-base", "--is-ancestor", base_commit, head):
            # The agent rewrote or replaced history: its files still are the result, as one commit on the base.
            head = self._run("commit-tree", "HEAD^{tree}", "-p", base_commit, "-m", COMMIT_MESSAGE)
            self._run("update-ref", "--no-deref", "HEAD", head)
        bundle = self._scratch / "result.bundle"
        self._run("bundle", "create", "--quiet", str(bundle), f"{base_commit}..HEAD")
        return Result(head, bundle, bundle.stat().st_size, left_out)

    def _commit_rest(self) -> str:
        """Commit what is uncommitted; return git's words on files that it could not add."""
        litter = self._scratch / "litter"
        litter.write_text("\n".join(LITTER) + "\n", encoding="utf-8")
        # One file that cannot be added (a repository without a commit inside this one) must not cost all the others.
        added = self._git_call(("-c", f"core.excludesFile={litter}", "add", "--all", "--ignore-errors"))
        if not self._succeeds("diff", "--cached", "--quiet", "--no-ext-diff", "HEAD"):
            self._run("commit", "--quiet", "--no-verify", "-m", COMMIT_MESSAGE)
        return "" if added.returncode == 0 else last_words(added)

    def _run(self, *arguments: str) -> str:
        done = self._git_call(arguments)
        if done.returncode != 0:
            raise ResultFailed(f"`git {' '.join(arguments[:2])}` failed ({done.returncode}): {last_words(done)}")
        return done.stdout.decode(errors="replace").strip()

    def _succeeds(self, *arguments: str) -> bool:
        return self._git_call(arguments).returncode == 0

    def _git_call(self, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        left = max(self._deadline - time.monotonic(), 0.1)
        try:
            return subprocess.run(
                [self._git, *settings, *arguments], cwd=self._workspace, env=self._env, stdin=subprocess.DEVNULL,
                capture_output=True, timeout=left, check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ResultFailed(f"`git {arguments[0]}` did not end in time") from error
        except OSError as error:
            raise ResultFailed(f"git could not be run: {error}") from error


def last_words(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return the end of what a program said on standard error."""
    return done.stderr.decode(errors="replace").strip()[-500:]
