"""What agents of runs that are over have left: in one place at a time, moved and never read, and not for ever."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.event import Repo
from app.execute.sandboxes.workspaces import copy
from app.execute.workspace import Workspaces, homes
from app.execute.workspace.homes import Given, given_to, stand_on
from app.execute.workspace.removal import remove_tree
from tests.app.execute.workspace.conftest import GitCommand

PYTHON = "docker python"


@pytest.fixture
def scratch(workspaces: Workspaces, tmp_path: Path) -> Path:
    """A sandbox's files, with a HOME that its agent has made a maze of, and what it has left in the workspace."""
    place = tmp_path / "state" / "scratch" / "aaa-work"
    home = place / "home"
    (home / "deep" / "er").mkdir(parents=True)
    (home / "session").write_text("what was said\n")
    (home / "link").symlink_to("/etc/passwd")
    os.mkfifo(home / "pipe")
    home.chmod(0)
    stand_on(place, PYTHON)
    (place / "upper" / ".venv" / ".git").mkdir(parents=True)
    (place / "upper" / ".git" / "hooks").mkdir(parents=True)
    (place / "upper").chmod(0o500)
    return place


def keep(workspaces: Workspaces, run_id: str, *, home_mb: int = 10, files_mb: int = 10) -> bool:
    return workspaces.keep_home(f"{run_id}-work", run_id, home_mb=home_mb, files_mb=files_mb)


def prepared(workspaces: Workspaces, of: str | None = "aaa", stands_on: str = PYTHON) -> Path:
    """The files of a sandbox of another run, which goes on with the first one."""
    return workspaces._scratch("bbb-work", os.geteuid(), os.getegid(), of, stands_on)


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def test_what_is_left_goes_from_one_run_to_the_next_and_is_nowhere_else(workspaces: Workspaces, scratch: Path) -> None:
    assert keep(workspaces, "aaa")
    assert workspaces.homes.has("aaa")
    assert names(scratch) == ["stands_on"]
    for _ in range(2):
        following = prepared(workspaces)
        assert (following / "home" / "session").read_text() == "what was said\n"
        assert names(following / "upper") == [".venv"]
        assert (workspaces.homes.has("aaa"), given_to(following)) == (False, Given("aaa", has_files=True))


def plain(path: Path) -> None:
    path.write_text("gitdir: /tmp/elsewhere\n")


def link(path: Path) -> None:
    path.symlink_to("/etc")


def directory(path: Path) -> None:
    (path / "refs" / "heads").mkdir(parents=True)
    (path / "config").write_text("[core]\n\tfsmonitor = /workspace/evil\n")
    (path / "refs").chmod(0)


@pytest.mark.parametrize("shape", [plain, link, directory, os.mkfifo])
def test_t30_the_repository_of_an_agent_is_never_the_next_ones(workspaces: Workspaces, scratch: Path, shape: object) -> None:
    (scratch / "upper").chmod(0o700)
    remove_tree(scratch / "upper" / ".git")
    assert callable(shape)
    shape(scratch / "upper" / ".git")
    assert keep(workspaces, "aaa")
    # What lies deeper is a file like any other.
    assert names(prepared(workspaces) / "upper") == [".venv"]
    assert (Path("/etc") / "passwd").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes the device that stands for a file that was deleted")
def test_a_repository_that_an_agent_has_deleted_is_there_again(workspaces: Workspaces, scratch: Path) -> None:
    (scratch / "upper").chmod(0o700)
    remove_tree(scratch / "upper" / ".git")
    os.mknod(scratch / "upper" / ".git", 0o020000, os.makedev(0, 0))
    assert keep(workspaces, "aaa")
    assert names(prepared(workspaces) / "upper") == [".venv"]


def test_a_home_that_is_there_is_not_replaced(workspaces: Workspaces, scratch: Path) -> None:
    keep(workspaces, "aaa")
    prepared(workspaces, None)
    following = prepared(workspaces)
    assert (names(following / "home"), given_to(following), workspaces.homes.has("aaa")) == ([], None, True)


def test_what_is_too_large_or_was_never_there_is_not_kept(workspaces: Workspaces, scratch: Path) -> None:
    (scratch / "home").chmod(0o700)
    (scratch / "home" / "much").write_bytes(os.urandom(3 * 1024 * 1024))
    assert not keep(workspaces, "aaa", home_mb=2)
    assert (scratch / "home").is_dir()
    assert not keep(workspaces, "ccc")
    assert not workspaces.homes.has("aaa")


@pytest.mark.parametrize("why", ["too large", "not wanted", "other programs"])
def test_files_that_are_not_kept_or_not_given_leave_the_home_alone(workspaces: Workspaces, scratch: Path, why: str) -> None:
    (scratch / "upper" / ".venv" / "much").write_bytes(os.urandom(3 * 1024 * 1024))
    assert keep(workspaces, "aaa", files_mb={"too large": 2, "not wanted": 0}.get(why, 10))
    following = prepared(workspaces, stands_on="docker node" if why == "other programs" else PYTHON)
    assert (names(following / "upper"), given_to(following)) == ([], Given("aaa", has_files=False))
    assert (following / "home" / "session").exists()


def test_a_copy_of_the_checkout_goes_on_with_the_next_checkouts_repository(
    workspaces: Workspaces, scratch: Path, repo: Repo, origin: Path, git_in: GitCommand
) -> None:
    """Where there is no overlay."""
    (scratch / "copy" / ".git").mkdir(parents=True)
    (scratch / "copy" / "build").mkdir()
    commit = workspaces.fetch(repo, f"file://{origin}", None)
    for name in ("aaa", "ccc"):
        assert keep(workspaces, name)
        following = f"{'ccc' if name == 'aaa' else 'ddd'}-work"
        made = workspaces.prepare(repo, commit, following, os.geteuid(), os.getegid(), home_of=name, stands_on=PYTHON)
        assert given_to(made.scratch) == Given(name, has_files=True)
        for _ in range(2):
            place = copy(made)
        assert names(place) == [".git", "build"]
        assert git_in(place, "-c", "safe.directory=*", "rev-parse", "HEAD") == commit


@pytest.mark.parametrize("stands_on", [PYTHON, "docker node"])
def test_what_is_given_back_is_what_was_given(workspaces: Workspaces, scratch: Path, stands_on: str) -> None:
    keep(workspaces, "aaa")
    given = given_to(prepared(workspaces, stands_on=stands_on))
    workspaces.give_back("bbb-work")
    workspaces.give_back("bbb-work")
    workspaces.discard("bbb-work")
    assert given_to(prepared(workspaces, stands_on=stands_on)) == given == Given("aaa", has_files=stands_on == PYTHON)


def test_r44_the_oldest_beyond_the_number_and_those_past_their_time_are_removed(workspaces: Workspaces, tmp_path: Path) -> None:
    place = tmp_path / "state" / "homes"
    for age, name in enumerate(("new", "middle", "old", "ancient")):
        (tmp_path / "state" / "scratch" / f"{name}-work" / "home").mkdir(parents=True)
        assert keep(workspaces, name)
        at = (place / name).stat().st_mtime - 1000 * age
        os.utime(place / name, (at, at))
    (place / ".half").mkdir()
    assert workspaces.homes.prune(3, 1500) == ["old", "ancient"]
    assert names(place) == ["middle", "new"]


def mortal(deaths: int) -> Callable[[Path, Path], Path]:
    """A rename whose caller dies at the given moment: right before the first one, right after it, before the second one, ..."""
    moments, real = iter(range(1, 100)), Path.rename

    def rename(path: Path, target: Path) -> Path:
        if next(moments) == deaths:
            raise KeyboardInterrupt
        done = real(path, target)
        if next(moments) == deaths:
            raise KeyboardInterrupt
        return done

    return rename


# Three renames each: the files, the HOME, and the directory that holds both.
MOMENTS = range(1, 7)


@pytest.mark.parametrize("deaths", MOMENTS)
def test_r32_whoever_dies_while_it_is_kept_loses_nothing(
    workspaces: Workspaces, scratch: Path, monkeypatch: pytest.MonkeyPatch, deaths: int
) -> None:
    monkeypatch.setattr(Path, "rename", mortal(deaths))
    with pytest.raises(KeyboardInterrupt):
        keep(workspaces, "aaa")
    monkeypatch.undo()
    keep(workspaces, "aaa")
    following = prepared(workspaces)
    assert ((following / "home" / "session").exists(), names(following / "upper")) == (True, [".venv"])


@pytest.mark.parametrize("goes_on", [True, False])
@pytest.mark.parametrize("deaths", MOMENTS)
def test_r32_whoever_dies_while_it_is_given_loses_nothing(
    workspaces: Workspaces, scratch: Path, monkeypatch: pytest.MonkeyPatch, deaths: int, goes_on: bool
) -> None:
    """Also where that run then comes to nothing: it goes back."""
    keep(workspaces, "aaa")
    monkeypatch.setattr(Path, "rename", mortal(deaths))
    with pytest.raises(KeyboardInterrupt):
        prepared(workspaces)
    monkeypatch.undo()
    following = scratch.parent / "bbb-work"
    assert (given_to(following) is None) == workspaces.homes.has("aaa")
    if not goes_on:
        workspaces.give_back("bbb-work")
        workspaces.discard("bbb-work")
    following = prepared(workspaces, of="aaa" if workspaces.homes.has("aaa") else None)
    assert given_to(following) == Given("aaa", has_files=True)
    assert ((following / "home" / "session").exists(), names(following / "upper")) == (True, [".venv"])


@pytest.mark.parametrize("is_begun", [False, True])
def test_r32_whoever_dies_before_files_that_do_not_fit_are_removed_passes_them_to_nobody(
    workspaces: Workspaces, scratch: Path, monkeypatch: pytest.MonkeyPatch, is_begun: bool
) -> None:
    """They would go back under the name of what the new sandbox stands on."""

    def die(path: Path) -> None:
        if is_begun:
            remove_tree(next(path.iterdir()))
        raise KeyboardInterrupt

    keep(workspaces, "aaa")
    with monkeypatch.context() as patch:
        patch.setattr(homes, "remove_tree", die)
        with pytest.raises(KeyboardInterrupt):
            prepared(workspaces, stands_on="docker node")
    workspaces.give_back("bbb-work")
    workspaces.discard("bbb-work")
    following = prepared(workspaces, stands_on="docker node")
    assert (names(following / "upper"), given_to(following)) == ([], Given("aaa", has_files=False))
    assert (following / "home" / "session").exists()


def test_r44_a_home_that_is_given_while_others_are_removed_is_passed_over(
    workspaces: Workspaces, scratch: Path, tmp_path: Path
) -> None:
    (tmp_path / "state" / "scratch" / "old-work" / "home").mkdir(parents=True)
    assert keep(workspaces, "aaa")
    assert keep(workspaces, "old")
    real = Path.rename

    def given_first(path: Path, target: Path) -> Path:
        if path.name == "aaa":
            with pytest.MonkeyPatch.context() as back:
                back.setattr(Path, "rename", real)
                prepared(workspaces)
        return real(path, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", given_first)
        workspaces.homes.prune(0, 1000)
    assert (tmp_path / "state" / "scratch" / "bbb-work" / "home" / "session").exists()
    assert (workspaces.homes.has("aaa"), workspaces.homes.has("old")) == (False, False)


def test_whoever_is_given_it_first_has_it(workspaces: Workspaces, scratch: Path, tmp_path: Path) -> None:
    keep(workspaces, "aaa")
    prepared(workspaces)
    other = workspaces._scratch("ccc-work", os.geteuid(), os.getegid(), "aaa", PYTHON)
    assert (names(other / "home"), names(other / "upper"), given_to(other)) == ([], [], None)
