"""A workspace where an earlier run has left its files: the commit's own files are the commit's, whatever lies there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from app.execute.workspace.removal import remove_tree
from tests.sidecar.runner.scene import Scene, git

CONFIG = (".claude", "CLAUDE.md", ".envrc")


@pytest.fixture
def left(scene: Scene) -> Scene:
    """A checkout of several shapes, in which a run that looks at it and says what it saw."""
    for name in ("a.txt", "sub/one.txt", "sub/two.txt", "tool.sh", "was/dir/x.txt", "file"):
        path = scene.workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}\n")
    (scene.workspace / ".gitignore").write_text("build/\n*.log\n.envrc\n.claude/settings.local.json\n")
    (scene.workspace / "link").symlink_to("a.txt")
    git(scene.workspace, "add", "-A")
    git(scene.workspace, "commit", "-qm", "more")
    scene.shell("git status --porcelain --ignored --untracked-files=all > $HOME/status", tidy=list(CONFIG), next_argv=["true"])
    return scene


def status(scene: Scene) -> list[str]:
    end = scene.run()
    assert end["reason"] == "exited", end
    return (scene.home / "status").read_text().splitlines()


def test_what_git_ignores_stays_and_nothing_else(left: Scene) -> None:
    place = left.workspace
    for name in ("build/out.o", "trace.log", "web/node_modules/x/index.js", "web/new.js", ".venv/bin/python", "new.txt", "deep/er/new.txt"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("left\n")
    git(place, "init", "-q", "nested")
    git(place, "init", "-q", "build/nested")
    assert status(left) == ["?? .venv/bin/python", "?? web/node_modules/x/index.js", "!! build/nested/", "!! build/out.o", "!! trace.log"]


def test_every_tracked_file_is_as_in_the_commit_whatever_became_of_it(left: Scene) -> None:
    place = left.workspace
    (place / "a.txt").write_text("changed\n")
    (place / "sub" / "one.txt").unlink()
    (place / "sub" / "two.txt").rename(place / "sub" / "three.txt")
    (place / "tool.sh").chmod(0o755)
    (place / "was" / "dir" / "x.txt").unlink()
    (place / "was" / "dir").rmdir()
    (place / "was" / "dir").write_text("a file now\n")
    (place / "file").unlink()
    (place / "file").mkdir()
    (place / "file" / "inside.log").write_text("a directory now\n")
    (place / "link").unlink()
    os.mkfifo(place / "link")
    (place / ".gitignore").unlink()
    (place / ".gitignore").symlink_to("/etc/passwd")
    assert status(left) == []
    assert (place / "was" / "dir" / "x.txt").read_text() == "was/dir/x.txt\n"
    assert (place / "link").is_symlink()


def test_t62_a_file_that_pretends_to_be_unchanged_is_compared_by_what_is_in_it(left: Scene) -> None:
    """The index would believe size and time, which an agent sets as it likes."""
    path = left.workspace / "a.txt"
    git(left.workspace, "config", "core.checkStat", "minimal")
    git(left.workspace, "config", "core.trustctime", "false")
    before = path.stat()
    os.utime(path, ns=(before.st_atime_ns - 10**12, before.st_mtime_ns - 10**12))
    git(left.workspace, "status")
    known = path.stat()
    path.write_text("b.txt\n")
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))
    assert git(left.workspace, "status", "--porcelain") == ""
    assert status(left) == []
    assert path.read_text() == "a.txt\n"


def test_t27_no_configuration_of_agents_stays(left: Scene) -> None:
    """What a pull request's own build once wrote is no order to the agent that comes after it."""
    place = left.workspace
    (place / "sub" / ".claude").mkdir()
    (place / ".claude").mkdir()
    for name in (".claude/settings.local.json", "sub/.claude/settings.local.json", ".envrc", "sub/claude.md", "build/CLAUDE.md"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text("run this\n")
    (place / "build" / "out.o").write_text("left\n")
    assert status(left) == ["!! build/out.o"]


@pytest.mark.parametrize("place", ["workspace/.gitattributes", "workspace/sub/.gitattributes", "home/.config/git/attributes"])
def test_t62_no_attributes_of_an_agent_make_its_file_pass_for_the_commits(left: Scene, place: str) -> None:
    """Two files are one to git when attributes have them converted: their ends of lines, words after `$Id`, their encoding."""
    path = left.path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("* text ident eol=crlf\n")
    (left.workspace / "sub" / "one.txt").write_bytes(b"sub/one.txt\r\n")
    (left.workspace / "sub" / "two.txt").unlink()
    assert status(left) == []
    assert (left.workspace / "sub" / "one.txt").read_bytes() == b"sub/one.txt\n"
    assert (left.workspace / "sub" / "two.txt").read_bytes() == b"sub/two.txt\n"


def test_t62_a_submodule_that_an_agent_has_checked_out_is_no_part_of_the_next_result(left: Scene) -> None:
    place = left.workspace
    for name in ("mod", "lost"):
        git(place, "init", "-q", name)
        git(place / name, "commit", "-q", "--allow-empty", "-m", "one")
        git(place, "add", name)
    git(place, "commit", "-qm", "submodules")
    git(place / "mod", "commit", "-q", "--allow-empty", "-m", "two")
    (place / "mod" / "x.log").touch()
    shutil.rmtree(place / "lost")
    (place / "lost").symlink_to("sub")
    assert status(left) == []
    assert list((place / "mod").iterdir()) == list((place / "lost").iterdir()) == []
    assert (place / "sub" / "one.txt").exists()


def test_t30_no_repository_of_an_agent_stays_among_the_commits_files(left: Scene) -> None:
    """Git does not see it, and a program that begins there would work in it."""
    git(left.workspace, "init", "-q", "sub")
    (left.workspace / "was" / "dir" / ".git").write_text("gitdir: /tmp/elsewhere\n")
    (left.workspace / "build").mkdir()
    git(left.workspace, "init", "-q", "build/own")
    assert status(left) == ["!! build/own/"]
    assert not (left.workspace / "sub" / ".git").exists()
    assert not (left.workspace / "was" / "dir" / ".git").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="to root nothing is closed, and only root becomes somebody else")
def test_directories_that_an_agent_has_closed_are_opened(left: Scene) -> None:
    deep = left.workspace / "new" / "deep"
    deep.mkdir(parents=True)
    (deep / "x").write_text("x")
    left.path.chmod(0o755)
    for place, names, files in os.walk(left.path):
        for name in (*names, *files, "."):
            os.chown(Path(place, name), 12345, 12345, follow_symlinks=False)
    deep.chmod(0)
    deep.parent.chmod(0o500)
    end = left.ended(left.begin(user=12345))
    assert end["reason"] == "exited", end
    assert (left.home / "status").read_text() == ""
    assert not deep.parent.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="to root nothing is closed, and only root becomes somebody else")
def test_what_lies_in_a_directory_that_cannot_be_listed_is_found(left: Scene) -> None:
    """Git takes it for no failure."""
    (left.workspace / "sub" / "new.txt").touch()
    left.path.chmod(0o755)
    for place, names, files in os.walk(left.path):
        for name in (*names, *files, "."):
            os.chown(Path(place, name), 12345, 12345, follow_symlinks=False)
    (left.workspace / "sub").chmod(0o311)
    end = left.ended(left.begin(user=12345))
    assert end["reason"] == "exited", end
    assert not (left.workspace / "sub" / "new.txt").exists()


@pytest.mark.parametrize("where", ["sub/.git", "build", "new"])
def test_what_lies_too_deep_begins_nothing_and_says_so(left: Scene, where: str) -> None:
    place = left.workspace / where
    place.mkdir()
    at = os.open(place, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    try:
        end = left.run()
    finally:
        remove_tree(place)  # whoever removes the test's directory cannot either
    assert (end["reason"], "earlier run" in end["text"]) == ("refused", True), end


def test_what_cannot_be_tidied_begins_nothing_and_says_so(left: Scene) -> None:
    (left.workspace / ".git" / "index.lock").touch()
    end = left.run()
    assert end["reason"] == "refused"
    assert "earlier run" in end["text"]
    assert not (left.home / "status").exists()


def test_without_a_word_of_it_nothing_is_tidied(left: Scene) -> None:
    left.shell("git status --porcelain > $HOME/status")
    (left.workspace / "new.txt").write_text("new\n")
    assert status(left) == ["?? new.txt"]
