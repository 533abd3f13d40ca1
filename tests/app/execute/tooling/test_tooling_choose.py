"""The real sidecar, for the backends as the worker asks for them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple, cast

import docker
import pytest

from app.execute.sandboxes.docker.engine import Engine
from app.execute.tooling import inputs, layout
from app.execute.tooling.build import agent_tree
from app.execute.tooling.choose import Tooling
from app.execute.tooling.tree import verify
from app.execute.tooling.volume import volume_name
from app.ports import SandboxBackend
from app.settings import Settings


class Named(NamedTuple):
    """All that the choice looks at."""

    name: str


def backend(name: str) -> SandboxBackend:
    return cast("SandboxBackend", Named(name))


@pytest.fixture
def settings(state_dir: Path, docker_host: str) -> Settings:
    return Settings(state_dir=state_dir, docker_host=docker_host)


def test_the_real_sidecar_is_whole() -> None:
    found = inputs.read().sources
    for directory in (layout.RUNNER, layout.MINI):
        assert f"{directory.removeprefix('/agent/')}/__main__.py" in found


@pytest.mark.docker
def test_docker_gets_a_volume_that_verifies(settings: Settings) -> None:
    with contextlib.closing(Engine(settings.docker_host, 60)) as engine, contextlib.closing(Tooling(settings)) as tooling:
        before = {volume["Name"] for volume in engine.api.volumes()["Volumes"] or []}
        name = tooling.ensure(backend("docker"))
        assert tooling.ensure(backend("gvisor")) == name
        assert volume_name(tooling.verify()) == name
        # One that was there before may be in use.
        if name not in before:
            with contextlib.suppress(docker.errors.APIError):
                engine.api.remove_volume(name)


def test_bubblewrap_gets_a_directory(settings: Settings) -> None:
    with contextlib.closing(Tooling(settings)) as tooling:
        root = Path(tooling.ensure(backend("bubblewrap")))
    assert (root / "lib/bellhop/runner/__main__.py").read_bytes() == (inputs.SIDECAR / "runner/__main__.py").read_bytes()
    assert root.is_relative_to(settings.state_dir)


def test_the_real_tree_verifies(settings: Settings) -> None:
    verify(agent_tree(settings.state_dir))
