"""Volumes of the engine: never used half loaded, never changed unseen, nothing run for them."""

from __future__ import annotations

import contextlib
import gc
import io
import subprocess
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker
import pytest

from app.errors import SandboxUnavailable, ToolingError
from app.execute.sandboxes.docker.engine import Engine
from app.execute.tooling.lock import held
from app.execute.tooling.tree import Tree
from app.execute.tooling.volume import AgentVolumes, volume_name
from tests.app.execute.tooling.conftest import MakeTree

pytestmark = pytest.mark.docker


@pytest.fixture
def engine(docker_host: str) -> Iterator[Engine]:
    opened = Engine(docker_host, 60)
    yield opened
    opened.close()


@pytest.fixture
def small(make_tree: MakeTree, engine: Engine, tmp_path: Path) -> Iterator[Tree]:
    """A tree of a few files, whose volume is removed in the end."""
    built = make_tree({"bin/tool": f"echo {tmp_path}", "bin/link": "-> tool"})
    yield built
    with contextlib.suppress(docker.errors.NotFound):
        engine.api.remove_volume(volume_name(built.digest), force=True)
    assert engine.api.containers(all=True, filters={"label": f"bellhop.tooling={built.digest}"}) == []


@pytest.fixture
def volumes(engine: Engine, tmp_path: Path) -> AgentVolumes:
    return AgentVolumes(engine, tmp_path)


def put(engine: Engine, volumes: AgentVolumes, built: Tree, path: str, text: str) -> None:
    """Change a file of a volume, as somebody with the engine's socket could."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        info = tarfile.TarInfo(path)
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text.encode()))
    with volumes._container(volume_name(built.digest), built.digest) as container:
        engine.api.put_archive(container, "/agent", archive.getvalue())


def show(engine: Engine, built: Tree) -> dict[str, Any]:
    found: dict[str, Any] = engine.api.inspect_volume(volume_name(built.digest))
    return found


def test_a_volume_is_loaded_once_and_verifies(engine: Engine, volumes: AgentVolumes, small: Tree, tmp_path: Path) -> None:
    name = volumes.ensure(small)
    created = show(engine, small)["CreatedAt"]
    assert show(engine, small)["Labels"] == {"bellhop": "tooling", "bellhop.tooling": small.digest}
    assert volumes.ensure(small) == name
    assert AgentVolumes(engine, tmp_path).ensure(small) == name
    assert show(engine, small)["CreatedAt"] == created
    volumes.verify(small)


def test_a_file_changed_in_the_volume_is_found(engine: Engine, volumes: AgentVolumes, small: Tree) -> None:
    volumes.ensure(small)
    put(engine, volumes, small, "bin/tool", "evil")
    with pytest.raises(ToolingError, match="docker volume rm") as caught:
        volumes.verify(small)
    assert caught.value.reason == "digest"


def test_a_half_loaded_volume_is_loaded_again(engine: Engine, volumes: AgentVolumes, small: Tree) -> None:
    """A worker died between the first file and the marker."""
    engine.api.create_volume(volume_name(small.digest), labels={"bellhop": "tooling", "bellhop.tooling": small.digest})
    put(engine, volumes, small, "bin/half", "")
    with pytest.raises(ToolingError):
        volumes.verify(small)
    volumes.ensure(small)
    volumes.verify(small)


def test_a_volume_that_was_removed_is_loaded_again(engine: Engine, volumes: AgentVolumes, small: Tree) -> None:
    volumes.ensure(small)
    engine.api.remove_volume(volume_name(small.digest))
    with pytest.raises(ToolingError, match="there is no volume"):
        volumes.verify(small)
    volumes.ensure(small)
    volumes.verify(small)


def test_a_volume_put_in_its_place_is_looked_at_again(engine: Engine, volumes: AgentVolumes, small: Tree) -> None:
    """What a process remembers is about one volume, not about its name."""
    volumes.ensure(small)
    engine.api.remove_volume(volume_name(small.digest))
    engine.api.create_volume(volume_name(small.digest), labels={"bellhop": "tooling", "bellhop.tooling": small.digest})
    # The engine's times have whole seconds; the memory must not depend on one having passed.
    volumes._checked[volume_name(small.digest)] = "2020-01-01T00:00:00Z"
    volumes.ensure(small)
    volumes.verify(small)


def test_a_volume_of_somebody_else_is_left_alone(engine: Engine, volumes: AgentVolumes, small: Tree) -> None:
    engine.api.create_volume(volume_name(small.digest))
    put(engine, volumes, small, "somebodys", "data")
    with pytest.raises(ToolingError) as caught:
        volumes.ensure(small)
    assert caught.value.reason == "foreign_volume"
    assert show(engine, small)["Labels"] is None


def test_what_an_engine_made_in_the_place_of_one_that_was_removed_is_loaded_anew(engine: Engine, volumes: AgentVolumes, small: Tree) -> None:
    name = volumes.ensure(small)
    engine.api.remove_volume(name)
    # A container was made of it in that very moment: the engine gives it an empty volume of that name.
    engine.api.create_volume(name)
    assert AgentVolumes(engine, small.path.parent).ensure(small) == name
    volumes.verify(small)


def test_a_tree_changed_on_disk_is_never_loaded(engine: Engine, volumes: AgentVolumes, small: Tree) -> None:
    (small.path / "bin/tool").write_text("evil")
    with pytest.raises(ToolingError) as caught:
        volumes.ensure(small)
    assert caught.value.reason == "digest"
    with pytest.raises(docker.errors.NotFound):
        show(engine, small)


def test_many_workers_at_once_load_it_once(engine: Engine, small: Tree, tmp_path: Path) -> None:
    workers = [AgentVolumes(engine, tmp_path) for _ in range(6)]
    with ThreadPoolExecutor(len(workers)) as pool:
        names = list(pool.map(lambda worker: worker.ensure(small), workers))
    assert set(names) == {volume_name(small.digest)}
    workers[0].verify(small)


def test_a_worker_waits_while_another_loads(engine: Engine, small: Tree, tmp_path: Path) -> None:
    with held(tmp_path / "tooling" / "volume.lock"), pytest.raises(ToolingError) as caught:
        AgentVolumes(engine, tmp_path, lock_wait_seconds=0).ensure(small)
    assert (caught.value.reason, caught.value.retryable) == ("locked", True)
    with pytest.raises(docker.errors.NotFound):
        show(engine, small)


def test_nothing_is_ever_started_for_a_volume(volumes: AgentVolumes, small: Tree) -> None:
    """THREATS T36: files go into containers that never run."""
    since = time.time()
    volumes.ensure(small)
    volumes.verify(small)
    seen = subprocess.run(
        ["docker", "events", "--since", f"{since:.3f}", "--until", f"{time.time():.3f}", "--format", "{{.Action}}",
         "--filter", "type=container", "--filter", f"label=bellhop.tooling={small.digest}"],
        capture_output=True, text=True, check=True, timeout=30,
    ).stdout.split()
    assert "create" in seen
    assert "start" not in seen


# docker-py leaves a socket that could not connect to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_engine_that_does_not_answer_is_named(small: Tree, tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="BELLHOP_DOCKER_HOST"):
        AgentVolumes(Engine(f"unix://{tmp_path}/none.sock", 5), tmp_path).ensure(small)
    gc.collect()
