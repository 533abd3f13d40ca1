"""Layers of setups: kept by rename, whole or not at all, in nobody's hands while somebody stands on them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from app.core.event import Repo
from app.errors import WorkspaceError
from app.execute.workspace import Workspaces
from app.execute.workspace.layers import DIRECTORY, Layers
from tests.app.execute.workspace.conftest import GitCommand

HOUR = 3600.0


@pytest.fixture
def layers(workspaces: Workspaces) -> Layers:
    return workspaces.layers


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def left(state: Path, sandbox_id: str, said: str = "installed\n") -> Path:
    """What a setup sandbox leaves."""
    scratch = state / "scratch" / sandbox_id
    for place in (scratch / "upper" / DIRECTORY / "modules", scratch / "home" / ".tool"):
        place.mkdir(parents=True)
        (place / "said").write_text(said)
        os.mkfifo(place / "pipe")
    (scratch / "upper" / "not-ignored").write_text("dropped")
    (scratch / "home").chmod(0)
    return scratch


def age(layers: Layers, name: str, seconds: float) -> None:
    place = layers.find(name)
    assert place is not None
    os.utime(place / "used", (time.time() - seconds,) * 2)


def test_what_a_setup_left_is_kept_by_its_name(workspaces: Workspaces, layers: Layers, state: Path) -> None:
    scratch = left(state, "aaa-setup")
    assert layers.find("abc") is None
    workspaces.keep_layer("aaa-setup", "abc")
    place = layers.find("abc")
    assert place == state / "layers" / "abc"
    assert sorted(path.name for path in place.iterdir()) == ["home", "used", "workspace"]
    assert (place / "workspace" / "modules" / "said").read_text() == (place / "home" / ".tool" / "said").read_text() == "installed\n"
    assert not (place / "workspace" / "not-ignored").exists()
    assert not (scratch / "home").exists()


def test_a_worker_that_dies_while_it_keeps_one_is_followed_by_one_that_goes_on(workspaces: Workspaces, layers: Layers, state: Path) -> None:
    scratch = left(state, "aaa-setup")
    growing = state / "layers" / ".aaa-setup"
    growing.mkdir(parents=True)
    (scratch / "upper" / DIRECTORY).rename(growing / "workspace")
    assert layers.find("abc") is None
    for _ in range(2):
        workspaces.keep_layer("aaa-setup", "abc")
    place = layers.find("abc")
    assert place is not None
    assert (place / "home" / ".tool" / "said").exists()
    assert [path.name for path in (state / "layers").iterdir()] == ["abc"]


def test_the_first_one_stays_and_the_second_goes(workspaces: Workspaces, layers: Layers, state: Path) -> None:
    left(state, "aaa-setup", "first")
    left(state, "bbb-setup", "second")
    workspaces.keep_layer("aaa-setup", "abc")
    workspaces.keep_layer("bbb-setup", "abc")
    place = layers.find("abc")
    assert place is not None
    assert (place / "workspace" / "modules" / "said").read_text() == "first"


@pytest.mark.parametrize("instead", ["nothing", "file", "link"])
def test_t33_what_is_no_directory_is_not_kept(workspaces: Workspaces, layers: Layers, state: Path, tmp_path: Path, instead: str) -> None:
    scratch = left(state, "aaa-setup")
    made, elsewhere = scratch / "upper" / DIRECTORY, tmp_path / "elsewhere"
    made.rename(elsewhere)
    if instead == "file":
        made.write_text("")
    elif instead == "link":
        made.symlink_to(elsewhere)
    with pytest.raises(WorkspaceError) as refused:
        workspaces.keep_layer("aaa-setup", "abc")
    assert (refused.value.reason, refused.value.retryable) == ("no_layer", False)
    assert layers.find("abc") is None
    assert elsewhere.is_dir()


def test_a_workspace_stands_on_a_layer_and_says_so(
    workspaces: Workspaces, layers: Layers, state: Path, origin: Path, git_in: GitCommand, repo: Repo
) -> None:
    left(state, "aaa-setup")
    workspaces.keep_layer("aaa-setup", "abc")
    commit = workspaces.fetch(repo, f"file://{origin}", None)
    uid = os.geteuid() or 10_001
    made = workspaces.prepare(repo, commit, "bbb-work", uid=uid, gid=uid, layer="abc")
    assert (made.layer, made.needs_overlay) == (state / "layers" / "abc", True)
    assert workspaces.layers_in_use() == {"abc"}
    assert workspaces.prepare(repo, commit, "ccc-work", uid=uid, gid=uid).layer is None
    with pytest.raises(WorkspaceError):
        workspaces.prepare(repo, commit, "ddd-work", uid=uid, gid=uid, layer="gone")


def test_layers_go_when_nobody_has_used_them(workspaces: Workspaces, layers: Layers, state: Path) -> None:
    for name, hours in (("new", 0.1), ("older", 2), ("oldest", 3), ("ancient", 500), ("private-new", 0.1), ("private-old", 2), ("private-in-use", 2)):
        left(state, f"{name}-setup")
        workspaces.keep_layer(f"{name}-setup", name)
        age(layers, name, hours * HOUR)
    removed = layers.prune(2, 24 * HOUR, HOUR, {"private-in-use"})
    assert sorted(removed) == ["ancient", "oldest", "private-old"]
    assert sorted(path.name for path in (state / "layers").iterdir()) == ["new", "older", "private-in-use", "private-new"]


def test_t62_one_that_was_just_used_stays_though_nothing_is_kept(workspaces: Workspaces, layers: Layers, state: Path) -> None:
    """Its sandbox may be about to begin, or have ended a moment ago with a check to follow."""
    left(state, "aaa-setup")
    workspaces.keep_layer("aaa-setup", "abc")
    age(layers, "abc", 2 * HOUR)
    (state / "scratch" / "bbb-work").mkdir()
    layers.put(state / "scratch" / "bbb-work", "abc")
    workspaces.discard("bbb-work")
    assert layers.prune(0, 1.0, HOUR, frozenset()) == []
    age(layers, "abc", 2 * HOUR)
    assert layers.prune(0, 1.0, HOUR, frozenset()) == ["abc"]


def test_r6_what_is_gone_on_with_after_long_is_not_swept_meanwhile(workspaces: Workspaces, layers: Layers, state: Path) -> None:
    """Half of it swept away, and then taken for whole, it would be below every run."""
    scratch = left(state, "aaa-setup")
    growing = state / "layers" / ".aaa-setup"
    growing.mkdir(parents=True)
    (scratch / "upper" / DIRECTORY).rename(growing / "workspace")
    (scratch / "home").rename(scratch / "away")
    os.utime(growing, (0, 0))
    with pytest.raises(WorkspaceError):
        workspaces.keep_layer("aaa-setup", "abc")
    layers.prune(0, 1.0, HOUR, frozenset())
    assert (growing / "workspace" / "modules" / "said").is_file()
    (scratch / "away").rename(scratch / "home")
    workspaces.keep_layer("aaa-setup", "abc")
    assert layers.find("abc") is not None


def test_r6_a_leftover_goes_as_a_whole(layers: Layers, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    growing = state / "layers" / ".aaa-setup"
    (growing / "workspace").mkdir(parents=True)
    os.utime(growing, (0, 0))
    seen: list[Path] = []
    with monkeypatch.context() as patched:
        patched.setattr("app.execute.workspace.layers.remove_tree", seen.append)
        for _ in range(2):
            layers.prune(0, 1.0, HOUR, frozenset())
    # Under another name, which a second sweeper leaves to the first.
    assert len(seen) == 1
    assert not growing.exists()
    assert (seen[0] / "workspace").is_dir()
    os.utime(seen[0], (0, 0))
    layers.prune(0, 1.0, HOUR, frozenset())
    assert list((state / "layers").iterdir()) == []
