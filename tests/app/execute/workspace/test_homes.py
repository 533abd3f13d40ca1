"""HOMEs of runs that are over: in one place at a time, moved and never read, and not for ever."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.execute.workspace import Workspaces
from app.execute.workspace.homes import given_to


@pytest.fixture
def scratch(workspaces: Workspaces, tmp_path: Path) -> Path:
    """A sandbox's files, with a HOME that its agent has made a maze of."""
    place = tmp_path / "state" / "scratch" / "aaa-work"
    home = place / "home"
    (home / "deep" / "er").mkdir(parents=True)
    (home / "session").write_text("what was said\n")
    (home / "link").symlink_to("/etc/passwd")
    os.mkfifo(home / "pipe")
    home.chmod(0)
    return place


def test_a_home_goes_from_one_run_to_the_next_and_is_nowhere_else(workspaces: Workspaces, scratch: Path, tmp_path: Path) -> None:
    assert workspaces.keep_home("aaa-work", "aaa", 10)
    assert workspaces.homes.has("aaa")
    assert not (scratch / "home").exists()
    following = tmp_path / "state" / "scratch" / "bbb-work"
    following.mkdir()
    workspaces.homes.give("aaa", following)
    assert (following / "home" / "session").read_text() == "what was said\n"
    assert (workspaces.homes.has("aaa"), given_to(following)) == (False, "aaa")
    workspaces.homes.give("aaa", following)
    assert given_to(following) == "aaa"


def test_a_home_that_is_there_is_not_replaced(workspaces: Workspaces, scratch: Path, tmp_path: Path) -> None:
    workspaces.keep_home("aaa-work", "aaa", 10)
    following = tmp_path / "state" / "scratch" / "bbb-work"
    (following / "home").mkdir(parents=True)
    workspaces.homes.give("aaa", following)
    assert (list((following / "home").iterdir()), given_to(following), workspaces.homes.has("aaa")) == ([], None, True)


def test_what_is_too_large_or_was_never_there_is_not_kept(workspaces: Workspaces, scratch: Path) -> None:
    (scratch / "home").chmod(0o700)
    (scratch / "home" / "much").write_bytes(os.urandom(3 * 1024 * 1024))
    assert not workspaces.keep_home("aaa-work", "aaa", 2)
    assert (scratch / "home").is_dir()
    assert not workspaces.keep_home("ccc-work", "ccc", 2)
    assert not workspaces.homes.has("aaa")


def test_r44_the_oldest_beyond_the_number_and_those_past_their_time_are_removed(workspaces: Workspaces, tmp_path: Path) -> None:
    homes = tmp_path / "state" / "homes"
    for age, name in enumerate(("new", "middle", "old", "ancient")):
        (tmp_path / "state" / "scratch" / f"{name}-work" / "home").mkdir(parents=True)
        assert workspaces.keep_home(f"{name}-work", name, 10)
        at = (homes / name).stat().st_mtime - 1000 * age
        os.utime(homes / name, (at, at))
    (homes / ".half").mkdir()
    assert workspaces.homes.prune(3, 1500) == ["old", "ancient"]
    assert sorted(place.name for place in homes.iterdir()) == ["middle", "new"]


@pytest.mark.parametrize("pruned", [False, True])
def test_r32_a_mark_without_its_home_counts_for_nothing(
    workspaces: Workspaces, scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pruned: bool
) -> None:
    """Whoever gives a HOME may be killed at any moment."""
    workspaces.keep_home("aaa-work", "aaa", 10)
    following = tmp_path / "state" / "scratch" / "bbb-work"
    following.mkdir()

    def killed(*_: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        workspaces.homes.give("aaa", following)
    monkeypatch.undo()
    assert given_to(following) is None
    if pruned:
        workspaces.homes.prune(0, 0)
        workspaces._scratch("bbb-work", os.geteuid(), os.getegid())
        assert given_to(following) is None
    else:
        workspaces._scratch("bbb-work", os.geteuid(), os.getegid(), "aaa")
        assert given_to(following) == "aaa"
        assert (following / "home" / "session").exists()


def test_r32_a_home_that_came_has_its_mark(
    workspaces: Workspaces, scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed right after the HOME has moved, it is still known whose it is."""
    workspaces.keep_home("aaa-work", "aaa", 10)
    following = tmp_path / "state" / "scratch" / "bbb-work"
    following.mkdir()
    real = Path.rename

    def moved_and_killed(path: Path, target: Path) -> Path:
        real(path, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", moved_and_killed)
    with pytest.raises(KeyboardInterrupt):
        workspaces.homes.give("aaa", following)
    assert given_to(following) == "aaa"


def test_r44_a_home_that_is_given_while_others_are_removed_is_passed_over(
    workspaces: Workspaces, scratch: Path, tmp_path: Path
) -> None:
    (tmp_path / "state" / "scratch" / "old-work" / "home").mkdir(parents=True)
    assert workspaces.keep_home("aaa-work", "aaa", 10)
    assert workspaces.keep_home("old-work", "old", 10)
    following = tmp_path / "state" / "scratch" / "bbb-work"
    following.mkdir()
    real = Path.rename

    def given_first(path: Path, target: Path) -> Path:
        if path.name == "aaa":
            with pytest.MonkeyPatch.context() as back:
                back.setattr(Path, "rename", real)
                workspaces.homes.give("aaa", following)
        return real(path, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", given_first)
        workspaces.homes.prune(0, 1000)
    assert (following / "home" / "session").exists()
    assert (workspaces.homes.has("aaa"), workspaces.homes.has("old")) == (False, False)
