"""The bundle: whatever state the agent left its repository in, its files come out, on the base."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sidecar.runner.door import Door
from sidecar.runner.ending import Happenings
from sidecar.runner.place import Place
from sidecar.runner.result import COMMIT_MESSAGE, Result, ResultFailed
from sidecar.runner.work import Work
from tests.sidecar.runner.scene import Scene, git


def test_uncommitted_work_is_committed_and_bundled(scene: Scene) -> None:
    scene.shell("echo two >> kept.txt; mkdir sub; echo new > sub/new.txt; echo x > ignored.txt", base_commit=scene.base)
    end = scene.run()
    clone = scene.bundled()
    assert (end["reason"], end["has_bundle"]) == ("exited", True)
    assert end["head_commit"] == git(clone, "rev-parse", "HEAD")
    assert git(clone, "rev-parse", "HEAD^") == scene.base
    assert git(clone, "diff", "--name-status", scene.base, "HEAD").split() == ["M", "kept.txt", "A", "sub/new.txt"]
    assert git(clone, "log", "-1", "--format=%an <%ae>|%s") == f"Bellhop <bellhop@localhost>|{COMMIT_MESSAGE}"
    assert list(scene.home.rglob("result.bundle")) == []


def test_the_agents_own_commits_are_kept_and_what_programs_left_lying_is_not(scene: Scene) -> None:
    scene.shell(
        "echo two > kept.txt; git -c user.name=A -c user.email=a@b commit -qam 'my own words'; echo three > kept.txt;"
        " mkdir -p __pycache__ a/node_modules/x; touch __pycache__/x.pyc a/node_modules/x/index.js",
        base_commit=scene.base,
    )
    scene.run()
    clone = scene.bundled()
    assert git(clone, "log", "--format=%s", f"{scene.base}..HEAD").splitlines() == [COMMIT_MESSAGE, "my own words"]
    assert git(clone, "ls-files").split() == [".gitignore", "kept.txt"]


def test_t33_pipes_and_links_where_the_result_is_written_are_not_met(scene: Scene) -> None:
    scene.shell(
        "echo two > kept.txt; cd $HOME; mkdir tmp; mkfifo tmp/litter tmp/result.bundle; ln -s /etc/passwd tmp/result.bundle.lock",
        base_commit=scene.base,
    )
    assert scene.run()["reason"] == "exited"
    assert git(scene.bundled(), "diff", "--name-only", scene.base, "HEAD") == "kept.txt"


def test_t33_a_bundle_that_became_a_pipe_or_a_link_is_not_opened_for_good(tmp_path: Path) -> None:
    """What git ran for the agent's settings may still be there when the bundle is."""
    work = Work(Place(), Door("/nowhere"), {}, Happenings())
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    with pytest.raises(ResultFailed):
        work._send_file(Result("a" * 40, tmp_path / "pipe", 10))
    with pytest.raises(OSError, match="symbolic links"):
        work._send_file(Result("a" * 40, tmp_path / "link", 10))


def test_nothing_changed_is_no_bundle(scene: Scene) -> None:
    scene.shell("echo x > ignored.txt; git -c user.name=A -c user.email=a@b commit -q --allow-empty -m empty", base_commit=scene.base)
    end = scene.run()
    assert (end["reason"], end["has_bundle"], scene.door.bundle) == ("exited", False, None)


def test_no_bundle_is_made_when_none_is_wanted(scene: Scene) -> None:
    scene.shell("echo two > kept.txt", base_commit=None)
    end = scene.run()
    assert (end["has_bundle"], end["head_commit"]) == (False, None)
    assert git(scene.workspace, "status", "--porcelain") == "M kept.txt"


def test_rewritten_history_becomes_one_commit_on_the_base(scene: Scene) -> None:
    scene.shell(
        "git checkout -q --orphan other; echo new > new.txt; git add -A; git -c user.name=A -c user.email=a@b commit -qm root",
        base_commit=scene.base,
    )
    scene.run()
    clone = scene.bundled()
    assert git(clone, "log", "--format=%P", "-1") == scene.base
    assert git(clone, "ls-files").split() == [".gitignore", "kept.txt", "new.txt"]


def test_what_git_cannot_add_does_not_cost_the_rest(scene: Scene) -> None:
    scene.shell("git init -q inner; echo x > inner/file; echo new > new.txt; echo zz > zz.txt", base_commit=scene.base)
    end = scene.run()
    assert (end["reason"], end["has_bundle"]) == ("exited", True)
    assert "inner" in end["text"]
    assert git(scene.bundled(), "ls-files").split() == [".gitignore", "kept.txt", "new.txt", "zz.txt"]


def test_a_merge_left_half_done_is_taken_as_it_is(scene: Scene) -> None:
    commit = "git -c user.name=A -c user.email=a@b commit -q"
    scene.shell(
        f"git checkout -q -b other; echo theirs > kept.txt; {commit} -am theirs; git checkout -q -; echo ours > kept.txt; {commit} -am ours;"
        " git merge other; echo both > kept.txt",
        base_commit=scene.base,
    )
    assert scene.run()["has_bundle"] is True
    assert (scene.bundled() / "kept.txt").read_text() == "both\n"


def test_programs_that_the_agent_put_into_its_git_do_not_run(scene: Scene) -> None:
    trap = f"touch {scene.path}/ran"
    scene.shell(
        f"echo two > kept.txt; for h in pre-commit post-commit commit-msg post-index-change; do printf '#!/bin/sh\\n{trap}\\n' > .git/hooks/$h;"
        f" chmod +x .git/hooks/$h; done; git config core.fsmonitor '{trap}; false'; git config gpg.program /bin/false;"
        f" git config commit.gpgsign true; git config diff.external '{trap}'; touch .git/index.lock",
        base_commit=scene.base,
    )
    end = scene.run()
    assert (end["reason"], end["has_bundle"]) == ("exited", True), end
    assert not (scene.path / "ran").exists()


def test_a_result_over_the_limit_is_not_sent(scene: Scene) -> None:
    scene.shell("head -c 300000 /dev/urandom > big", base_commit=scene.base, bundle_limit_bytes=200_000)
    end = scene.run()
    assert (end["reason"], end["exit_code"], end["has_bundle"], scene.door.bundle) == ("refused", 0, False, None)
    assert "200000" in end["text"]


def test_a_door_that_refuses_the_bundle_is_told_on(scene: Scene) -> None:
    scene.door.bundle_status = 413
    scene.shell("echo two > kept.txt", base_commit=scene.base)
    end = scene.run()
    assert (end["reason"], end["has_bundle"]) == ("refused", False)
    assert "bundle_too_large" in end["text"]


def test_a_destroyed_repository_is_a_lost_result_that_is_told(scene: Scene) -> None:
    scene.shell("rm -rf .git", base_commit=scene.base)
    end = scene.run()
    assert (end["reason"], end["exit_code"], end["has_bundle"]) == ("lost", 0, False)
    assert "not a git repository" in end["text"]


def test_a_workspace_that_is_gone_is_told_too(scene: Scene) -> None:
    scene.shell('cd /; rm -rf "$OLDPWD"', base_commit=scene.base)
    assert scene.run()["reason"] == "lost"
