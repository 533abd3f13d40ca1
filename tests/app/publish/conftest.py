"""A repository, its mirror, and an agent's clone of it whose work comes out as a bundle, all over real git."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.event import Actor, Event, Repo
from app.core.profile import AgentChoice, Profile
from app.core.ringing.on import IssuesFilter, On
from app.core.run import Run
from tests.app.publish.hostile import Agent


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    """A clone of a repository with two files, a mirror of which the host holds."""
    place = tmp_path / "agent"
    place.mkdir()
    maker = Agent(place, "", tmp_path / "state", tmp_path / "mirror.git")
    maker.git("init", "-q", "-b", "main", ".")
    (place / "hello.py").write_text("print('hello')\n")
    (place / "docs").mkdir()
    (place / "docs" / "a.md").write_text("# a\n")
    maker.base = maker.write("README.md", "read me\n")
    maker.git("clone", "-q", "--mirror", "--no-hardlinks", str(place), str(maker.mirror))
    return maker


MakeRun = Callable[..., Run]


@pytest.fixture
def make_run() -> MakeRun:
    def make(**changes: object) -> Run:
        event = Event(
            source="github", kind="issues.labeled", delivery_key="d", thread="github:octo/hello#7",
            actor=Actor(id="583231", login="octocat", kind="person"), number=7, title="Make it greet the world",
            repo=Repo(id=1, full_name="octo/hello", default_branch="main"), url="https://github.com/octo/hello/issues/7",
        )
        profile = Profile(
            name="fix", on=On(issues=IssuesFilter(types=("labeled",), labels=("bellhop",))), agent=AgentChoice(uses="mini"),
        )
        run = Run(
            id="abcdefabcdef", case_id="k2m3n4p5", thread=event.thread, event=event, profile=profile, host="h",
            state="running", epoch=1, attempts=1, base_commit="b" * 40, backend="docker", isolation="container",
            created_at_ms=0, updated_at_ms=0,
        )
        return run.model_copy(update=changes)

    return make
