"""Git in a workspace where an agent has been: what it has configured there decides nothing, and nothing takes for ever."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

# Files that programs leave behind and nobody proposes; only ever kept out when git does not track them.
LITTER = ("__pycache__/", "*.py[co]", ".pytest_cache/", ".mypy_cache/", ".ruff_cache/", ".tox/", ".venv/", "node_modules/", ".DS_Store")
SETTINGS = {
    # Nothing that the agent has configured in its repository runs a program of its choice or waits for a person.
    "core.hooksPath": "/dev/null",
    "core.attributesFile": "/dev/null",
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


class GitFailed(Exception):
    """Git could not do it; the message says what it said."""


class Git:
    """Runs git in one workspace, within one deadline for everything. `image` is the image's environment."""

    def __init__(self, workspace: str, home: str, tools: str, image: Mapping[str, str], seconds: float) -> None:
        self.workspace = workspace
        self._deadline = time.monotonic() + seconds
        path = ":".join([*filter(None, image.get("PATH", os.defpath).split(":")), tools])
        self._git = shutil.which("git", path=path) or f"{tools}/git"
        self._env = {
            "PATH": path, "HOME": home, "LANG": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_OPTIONAL_LOCKS": "0",
        }

    def run(self, *arguments: str) -> str:
        """Return what it prints. Raises GitFailed."""
        done = self.call(arguments)
        if done.returncode != 0:
            raise GitFailed(f"`git {' '.join(arguments[:2])}` failed ({done.returncode}): {last_words(done)}")
        return done.stdout.decode(errors="replace").strip()

    def succeeds(self, *arguments: str) -> bool:
        """Return whether it ends with 0. Raises GitFailed where it does not end, or cannot be started."""
        return self.call(arguments).returncode == 0

    def call(self, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
        """Return how it ended. Raises GitFailed where it does not end, or cannot be started."""
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        left = max(self._deadline - time.monotonic(), 0.1)
        try:
            return subprocess.run(
                [self._git, *settings, *arguments], cwd=self.workspace, env=self._env, stdin=subprocess.DEVNULL,
                capture_output=True, timeout=left, check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise GitFailed(f"`git {arguments[0]}` did not end in time") from error
        except OSError as error:
            raise GitFailed(f"git could not be run: {error}") from error


def ignoring_litter(directory: Path) -> tuple[str, str]:
    """Return the arguments by which git ignores litter beside what the repository ignores; their file is in `directory`."""
    litter = directory / "litter"
    litter.write_text("\n".join(LITTER) + "\n", encoding="utf-8")
    return ("-c", f"core.excludesFile={litter}")


def last_words(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return the end of what a program said on standard error."""
    return done.stderr.decode(errors="replace").strip()[-500:]
