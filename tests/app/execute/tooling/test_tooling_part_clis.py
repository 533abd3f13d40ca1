"""The shipped parts, really fetched and built, and their programs on an image that has nothing; slow: they are large."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple, cast

import pytest

from app.execute.sandboxes import places
from app.execute.tooling.choose import Tooling
from app.execute.tooling.parts import npm, part
from app.execute.tooling.parts.build import part_tree
from app.execute.tooling.parts.fetch import fetched
from app.execute.tooling.process import process_tree
from app.ports import SandboxBackend
from app.settings import Settings
from tests.environment.images import BUSYBOX, EMPTY

# Packages of 20 to 170 MB, trees of 70 to 380 MB; they are kept between sessions.
pytestmark = [pytest.mark.slow, pytest.mark.docker]

PROGRAMS = {
    "codex": "bin/codex", "claude-code": "bin/claude", "opencode": "bin/opencode", "gemini-cli": "bin/gemini", "node": "bin/node",
}


class Named(NamedTuple):
    """All that the tooling looks at of a backend."""

    name: str


def backend(name: str) -> SandboxBackend:
    return cast("SandboxBackend", Named(name))


def test_every_part_is_tried_here() -> None:
    assert set(PROGRAMS) == set(part.names())


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_a_part_runs_on_an_image_without_anything(state_dir: Path, docker_host: str, busybox_image: str, empty_image: str, name: str) -> None:
    with contextlib.closing(Tooling(Settings(state_dir=state_dir, docker_host=docker_host))) as tooling:
        base = tooling.ensure(backend("docker"))
        found = tooling.parts(backend("docker"), (name,))
    assert list(found) == [needed.name for needed in part.closure((name,))]
    shown = {places.AGENT: base} | {places.part(each): volume for each, volume in found.items()}
    for image in (BUSYBOX, EMPTY):
        done = subprocess.run(
            ["docker", "run", "--rm", "--label", "bellhop=tooling-test", "--network", "none", "--read-only", "--cap-drop", "ALL",
             "--security-opt", "no-new-privileges", "--user", "10001:10001", "--tmpfs", "/tmp:mode=1777,exec", "--env", "HOME=/tmp",
             *(word for place, volume in shown.items() for word in ("--volume", f"{volume}:{place}:ro")),
             image, f"{places.part(name)}/{PROGRAMS[name]}", "--version"],
            capture_output=True, text=True, check=False, timeout=120,
        )
        assert (done.returncode, part.load(name).version in done.stdout) == (0, True), done.stderr


@pytest.mark.parametrize("name", ["gemini-cli", "opencode"])
def test_under_bubblewrap_a_part_runs_by_the_hosts_own_libraries(state_dir: Path, bubblewrap: str, name: str) -> None:
    shown = {places.AGENT: process_tree(state_dir, Path(sys.prefix) / "agent-site")}
    shown |= {places.part(each.name): part_tree(state_dir, each, relocated=False).path for each in part.closure((name,))}
    done = subprocess.run(
        [bubblewrap, "--unshare-all", "--ro-bind", "/usr", "/usr", "--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev",
         *(word for link in ("bin", "lib", "lib64") for word in ("--symlink", f"usr/{link}", f"/{link}")),
         *(word for place, path in shown.items() for word in ("--ro-bind", str(path), place)),
         "--clearenv", "--setenv", "HOME", "/tmp", f"{places.part(name)}/{PROGRAMS[name]}", "--version"],
        capture_output=True, text=True, check=False, timeout=120,
    )
    assert (done.returncode, part.load(name).version in done.stdout) == (0, True), done.stderr


def test_two_builds_of_a_program_that_carries_its_script_give_the_same_bytes(state_dir: Path, tmp_path: Path) -> None:
    wanted = part.load("opencode")
    first = part_tree(state_dir, wanted, relocated=True)
    for kept in ("packages", "tools"):
        shutil.copytree(state_dir / "tooling/parts" / kept, tmp_path / "tooling/parts" / kept, copy_function=os.link)
    second = part_tree(tmp_path, wanted, relocated=True)
    assert second.path != first.path
    assert second.digest == first.digest


def test_a_host_without_npm_takes_the_one_that_comes_with_node(state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = fetched(part.load("node"), state_dir / "tooling/parts")
    monkeypatch.setenv("PATH", "/nonexistent")
    assert npm.on_host() is None
    said = subprocess.run([*npm.brought(package, tmp_path), "--version"], capture_output=True, text=True, check=True, timeout=60)
    assert int(said.stdout.partition(".")[0]) >= 10
