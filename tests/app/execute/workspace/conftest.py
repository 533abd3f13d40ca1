"""A real repository to start from, and workspaces in a directory of the test's own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.event import Repo
from app.execute.workspace import Workspaces
from app.settings import Settings

GitCommand = Callable[..., str]


@pytest.fixture
def git_in() -> GitCommand:
    """Plain git, as a developer would run it, with an identity of its own."""

    def run(place: Path, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *arguments], cwd=place, capture_output=True, text=True, check=True,
            env={
                "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C",
                "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.invalid", "GIT_COMMITTER_NAME": "Ada",
                "GIT_COMMITTER_EMAIL": "ada@example.invalid", "GIT_ALLOW_PROTOCOL": "file",
            },
        )
        return done.stdout.strip()

    return run


@pytest.fixture
def origin(tmp_path: Path, git_in: GitCommand) -> Path:
    """A repository with two branches and two commits on `main`."""
    place = tmp_path / "origin"
    place.mkdir()
    git_in(place, "init", "-q", "-b", "main", ".")
    (place / "hello.py").write_text("print('hello')\n")
    (place / "run.sh").write_text("#!/bin/sh\n")
    (place / "run.sh").chmod(0o755)
    (place / "link").symlink_to("hello.py")
    git_in(place, "add", ".")
    git_in(place, "commit", "-qm", "one")
    git_in(place, "checkout", "-q", "-b", "secret")
    (place / "secret.txt").write_text("of another branch\n")
    git_in(place, "add", ".")
    git_in(place, "commit", "-qm", "secret")
    git_in(place, "checkout", "-q", "main")
    (place / "hello.py").write_text("print('hello, world')\n")
    git_in(place, "commit", "-qam", "two")
    return place


@pytest.fixture
def workspaces(tmp_path: Path) -> Workspaces:
    return Workspaces(Settings(state_dir=tmp_path / "state"))


@pytest.fixture
def repo() -> Repo:
    return Repo(id=7, full_name="octo/hello", default_branch="main", installation_id=1)
