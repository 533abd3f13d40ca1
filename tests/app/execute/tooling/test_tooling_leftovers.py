"""`bellhop sidecar gc`: what is left of earlier versions goes, what is needed or in use stays."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from app.execute.sandboxes.docker.engine import Engine
from app.execute.tooling import layout, leftovers, process
from app.execute.tooling.mounted import mounted
from app.execute.tooling.parts import build, part
from app.execute.tooling.parts.fetch import kept_name
from app.execute.tooling.tree import Tree
from app.execute.tooling.volume import AgentVolumes, volume_name
from tests.app.execute.tooling.conftest import MakeTree

OLD = "0123456789abcdef"


def finished(place: Path) -> Path:
    (place / "etc").mkdir(parents=True)
    (place / layout.DIGEST_FILE).write_text("0" * 64)
    return place


@pytest.fixture
def shown(tmp_path: Path, bubblewrap: str) -> Iterator[Path]:
    """A tree that a running sandbox shows."""
    place = finished(tmp_path / "state/tooling/process-in-use")
    with subprocess.Popen(
        [bubblewrap, "--ro-bind", "/", "/", "--tmpfs", "/tmp", "--ro-bind", str(place), "/tmp/agent", "sh", "-c", "echo up; read -r _"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "up\n"
        yield place
        running.communicate("\n", timeout=30)


def test_what_nothing_needs_goes_and_the_rest_stays(shown: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    home = state / "tooling"
    codex = part.load("codex")
    old = [finished(home / OLD), finished(home / f"process-{OLD}"), finished(home / f"parts/codex-{OLD}"), home / "parts/packages/0.tgz"]
    stays = [finished(home / process.named()[0]), finished(build.place_of(state, codex, relocated=True)), home / "parts/packages" / kept_name(codex)]
    (home / "parts/packages").mkdir()
    for package in (old[-1], stays[-1]):
        package.write_text("")
    for name in ("debs", "wheels"):
        (home / name).mkdir()

    would = leftovers.on_disk(state, remove=False)
    assert [path for path in old if not path.exists()] == []
    found = leftovers.on_disk(state, remove=True)
    assert found == would
    assert {each.what for each in found if not each.kept_by} == {str(path) for path in old}
    assert [(each.what, each.kept_by) for each in found if each.kept_by] == [(str(shown), "a running sandbox")]
    assert [path for path in [*old, *stays, shown, home / "debs", home / "wheels"] if path.exists()] == [*stays, shown, home / "debs", home / "wheels"]


def test_a_tree_that_is_being_removed_is_never_found_under_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state"
    old = finished(state / "tooling" / OLD)

    class Killed(Exception):
        pass

    def die(path: Path) -> None:
        raise Killed(path)

    with monkeypatch.context() as patched:
        patched.setattr("app.execute.tooling.removal.shutil.rmtree", die)
        with pytest.raises(Killed):
            leftovers.on_disk(state, remove=True)
    assert not old.exists()
    [half] = (state / "tooling").glob("removing-*")
    assert [each.what for each in leftovers.on_disk(state, remove=True)] == [str(half)]
    assert not half.exists()


def test_what_a_sandbox_shows_is_told_from_what_only_has_such_a_name(shown: Path) -> None:
    assert mounted(shown.name)
    assert not mounted("in-use")
    assert not mounted("process-in")


def test_of_a_part_only_the_newest_trees_are_kept(tmp_path: Path) -> None:
    names = [f"node-{number:016x}" for number in range(build.KEPT_TREES + 2)]
    for name in [*names, "node-gyp-0123456789abcdef"]:
        finished(tmp_path / name)
        # The kernel's clock for ctime has ticks of some milliseconds.
        time.sleep(0.02)
    build.prune(tmp_path / names[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([names[0], *names[-build.KEPT_TREES + 1 :], "node-gyp-0123456789abcdef"])


@pytest.fixture
def small(make_tree: MakeTree, docker_host: str, tmp_path: Path) -> Iterator[tuple[Engine, Tree]]:
    """A tree of a few files, stored in a volume."""
    built = make_tree({"bin/tool": f"echo {tmp_path}"})
    with contextlib.closing(Engine(docker_host, 60)) as engine:
        AgentVolumes(engine, tmp_path).ensure(built)
        yield engine, built
        with contextlib.suppress(docker.errors.NotFound):
            engine.api.remove_volume(volume_name(built.digest), force=True)


@pytest.mark.docker
def test_a_volume_that_no_present_tree_is_in_goes_unless_a_container_has_it(small: tuple[Engine, Tree], empty_image: str) -> None:
    engine, built = small
    name = volume_name(built.digest)
    assert name not in leftovers.unneeded(engine, {built.digest})
    assert name in leftovers.unneeded(engine, set())

    host = engine.api.create_host_config(binds=[f"{name}:/agent:ro"])
    created = engine.api.create_container(empty_image, command=["/never-started"], host_config=host, labels={"bellhop": "tooling-test"})
    try:
        assert leftovers.volume(engine, name, remove=True).kept_by.startswith("the container ")
        assert engine.api.inspect_volume(name)
    finally:
        engine.api.remove_container(created["Id"])

    assert leftovers.volume(engine, name, remove=False).kept_by == ""
    assert engine.api.inspect_volume(name)
    assert leftovers.volume(engine, name, remove=True).kept_by == ""
    assert name not in leftovers.unneeded(engine, set())
