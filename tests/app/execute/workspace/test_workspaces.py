"""Workspaces over real git: what a sandbox gets, what it must not get, and what is left afterwards."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.event import Repo
from app.errors import ServiceError, WorkspaceError
from app.execute.workspace import Workspaces
from app.ports import PreparedWorkspace
from app.settings import Settings

GitCommand = Callable[..., str]
ROOT = os.geteuid() == 0
UID = 10001 if ROOT else os.geteuid()


def prepare(workspaces: Workspaces, repo: Repo, origin: Path, sandbox_id: str = "abc-work") -> PreparedWorkspace:
    commit = workspaces.fetch(repo, f"file://{origin}", None)
    return workspaces.prepare(repo, commit, sandbox_id, UID, UID)


def digest(tree: Path) -> str:
    """Hash every name, mode, time and byte below a directory."""
    total = hashlib.sha256()
    for path in sorted(tree.rglob("*")):
        found = path.lstat()
        total.update(f"{path}{found.st_mode}{found.st_mtime_ns}{found.st_size}{found.st_ino}".encode())
        if path.is_file() and not path.is_symlink():
            total.update(path.read_bytes())
    return total.hexdigest()


def test_fetch_names_the_head_of_a_branch_or_a_commit(workspaces: Workspaces, repo: Repo, origin: Path, git_in: GitCommand) -> None:
    head, first, secret = (git_in(origin, "rev-parse", name) for name in ("main", "main~1", "secret"))
    url = f"file://{origin}"
    assert workspaces.fetch(repo, url, None) == head
    assert workspaces.fetch(repo, url, None, "secret") == secret
    assert workspaces.fetch(repo, url, None, first) == first


def test_fetch_sees_what_is_new_and_a_known_commit_costs_no_request(
    workspaces: Workspaces, repo: Repo, origin: Path, git_in: GitCommand
) -> None:
    head = workspaces.fetch(repo, f"file://{origin}", None)
    git_in(origin, "commit", "-q", "--allow-empty", "-m", "three")
    assert workspaces.fetch(repo, f"file://{origin}", None) == git_in(origin, "rev-parse", "main") != head
    assert workspaces.fetch(repo, "file:///gone", None, head) == head


@pytest.mark.parametrize("wanted", ["nowhere", "0" * 40, "--upload-pack=touch /tmp/x", "main~1", "@{-1}"])
def test_what_is_no_commit_or_branch_is_refused(workspaces: Workspaces, repo: Repo, origin: Path, wanted: str) -> None:
    with pytest.raises(WorkspaceError) as caught:
        workspaces.fetch(repo, f"file://{origin}", None, wanted) if "~" not in wanted else workspaces.fetch(
            repo, f"file://{origin}", None, f"{wanted}^{{tree}}"
        )
    assert (caught.value.reason, caught.value.retryable) == ("no_such_commit", False)


def test_a_first_fetch_that_fails_leaves_no_half_mirror(workspaces: Workspaces, repo: Repo, origin: Path, tmp_path: Path) -> None:
    with pytest.raises(ServiceError):
        workspaces.fetch(repo, f"file://{tmp_path}/gone", None)
    assert list((tmp_path / "state" / "mirrors").glob("*.git")) == []
    assert list((tmp_path / "state" / "mirrors").glob("*growing*")) == []
    (tmp_path / "state" / "mirrors" / "7.growing" / "refs").mkdir(parents=True)  # a worker killed at its work
    assert workspaces.fetch(repo, f"file://{origin}", None)


def test_the_checkout_is_what_the_commit_holds(workspaces: Workspaces, repo: Repo, origin: Path, git_in: GitCommand) -> None:
    made = prepare(workspaces, repo, origin)
    assert (made.lower / "hello.py").read_text() == "print('hello, world')\n"
    assert os.access(made.lower / "run.sh", os.X_OK)
    assert str((made.lower / "link").readlink()) == "hello.py"
    assert made.base_commit == git_in(origin, "rev-parse", "main")
    git_dir = f"--git-dir={made.lower}/.git"
    assert git_in(made.lower, git_dir, "rev-parse", "HEAD", "main").split() == [made.base_commit] * 2
    assert git_in(made.lower, git_dir, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert git_in(made.lower, git_dir, f"--work-tree={made.lower}", "-c", "safe.directory=*", "status", "--porcelain") == ""
    assert git_in(made.lower, git_dir, "rev-list", "--count", "HEAD") == "2"


def test_the_clone_stands_alone(workspaces: Workspaces, repo: Repo, origin: Path, git_in: GitCommand) -> None:
    """No other ref, no remote, no alternates, no hard link, and no object of another branch."""
    made = prepare(workspaces, repo, origin)
    git_dir = made.lower / ".git"
    assert git_in(made.lower, f"--git-dir={git_dir}", "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert git_in(made.lower, f"--git-dir={git_dir}", "remote") == ""
    assert str(origin) not in (git_dir / "config").read_text()
    assert not (git_dir / "objects" / "info" / "alternates").exists()
    assert not (git_dir / "hooks").exists()
    assert {path.stat().st_nlink for path in git_dir.rglob("*") if path.is_file()} == {1}
    secret = git_in(origin, "rev-parse", "secret:secret.txt")
    objects = git_in(made.lower, f"--git-dir={git_dir}", "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    assert secret not in objects.split()
    assert not [path for path in git_dir.rglob("*") if path.name in ("FETCH_HEAD", "ORIG_HEAD", "logs")]


@pytest.mark.skipif(not ROOT, reason="only root gives files away")
def test_owners_and_modes(workspaces: Workspaces, repo: Repo, origin: Path, tmp_path: Path) -> None:
    made = prepare(workspaces, repo, origin)
    everything = [made.lower, *made.lower.rglob("*"), made.scratch / "upper", made.scratch / "home"]
    assert {(path.lstat().st_uid, path.lstat().st_gid) for path in everything} == {(UID, UID)}
    assert (origin / "hello.py").stat().st_uid == 0
    modes = {name: (made.scratch / name).stat() for name in ("upper", "work", "home", ".")}
    assert {name: oct(found.st_mode & 0o7777) for name, found in modes.items()} == {
        "upper": "0o755", "work": "0o700", "home": "0o700", ".": "0o711",
    }
    assert modes["work"].st_uid == modes["."].st_uid == 0
    assert oct((tmp_path / "state" / "mirrors").stat().st_mode & 0o7777) == "0o700"


def test_a_second_run_on_the_same_commit_copies_nothing(workspaces: Workspaces, repo: Repo, origin: Path) -> None:
    first = prepare(workspaces, repo, origin)
    before = digest(first.lower)
    second = workspaces.prepare(repo, first.base_commit, "def-work", UID, UID)
    assert second.lower == first.lower
    assert digest(second.lower) == before
    assert [path.name for path in sorted(second.scratch.rglob("*"))] == ["home", "stands_on", "upper", "work"]
    assert second.scratch != first.scratch


def test_preparing_twice_keeps_what_the_sandbox_wrote(workspaces: Workspaces, repo: Repo, origin: Path) -> None:
    made = prepare(workspaces, repo, origin)
    (made.scratch / "upper" / "work-in-progress").write_text("x")
    assert workspaces.prepare(repo, made.base_commit, "abc-work", UID, UID) == made
    assert (made.scratch / "upper" / "work-in-progress").exists()


def test_workers_at_once_make_one_checkout(workspaces: Workspaces, repo: Repo, origin: Path, tmp_path: Path) -> None:
    commit = workspaces.fetch(repo, f"file://{origin}", None)
    made: list[Path] = []
    crowd = [
        threading.Thread(target=lambda n=n: made.append(
            Workspaces(Settings(state_dir=tmp_path / "state")).prepare(repo, commit, f"w{n}-work", UID, UID).lower
        ))
        for n in range(4)
    ]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join(60)
    assert len(made) == 4
    assert len(set(made)) == 1
    assert [path.name for path in (tmp_path / "state" / "bases").iterdir()] == [f"7-{commit}-{UID}"]


def test_a_checkout_without_its_marker_is_made_again(workspaces: Workspaces, repo: Repo, origin: Path) -> None:
    made = prepare(workspaces, repo, origin)
    (made.lower.parent / "ready").unlink()
    (made.lower / "hello.py").unlink()
    assert (workspaces.prepare(repo, made.base_commit, "abc-work", UID, UID).lower / "hello.py").exists()


def test_nothing_of_a_hostile_repository_runs_on_the_host(
    workspaces: Workspaces, repo: Repo, origin: Path, git_in: GitCommand, tmp_path: Path
) -> None:
    """T29-T32: filters by attributes, LFS configuration, a submodule, a nested bare repository with hooks."""
    marker = tmp_path / "marker"
    (origin / ".gitattributes").write_text("* filter=evil diff=evil merge=evil text=auto\n*.bin filter=lfs\n")
    (origin / ".lfsconfig").write_text("[lfs]\n\turl = http://127.0.0.1:9/evil\n")
    (origin / ".gitconfig").write_text(f"[filter \"evil\"]\n\tsmudge = touch {marker}\n\tclean = touch {marker}\n")
    (origin / "a.bin").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    (origin / ".gitmodules").write_text(f"[submodule \"s\"]\n\tpath = s\n\turl = file://{origin}\n\tupdate = checkout\n")
    git_in(origin, "update-index", "--add", "--cacheinfo", f"160000,{git_in(origin, 'rev-parse', 'HEAD')},s")
    nested = origin / "nested"
    (nested / "hooks").mkdir(parents=True)
    (nested / "HEAD").write_text("ref: refs/heads/main\n")
    (nested / "config").write_text(f"[core]\n\tbare = true\n\tfsmonitor = touch {marker}\n")
    (nested / "hooks" / "post-checkout").write_text(f"#!/bin/sh\ntouch {marker}\n")
    (nested / "hooks" / "post-checkout").chmod(0o755)
    git_in(origin, "add", ".gitattributes", ".lfsconfig", ".gitconfig", "a.bin", ".gitmodules", "nested")
    git_in(origin, "commit", "-qm", "hostile")
    made = prepare(workspaces, repo, origin)
    assert not marker.exists()
    assert (made.lower / "a.bin").read_text().startswith("version https://git-lfs")
    assert list((made.lower / "s").iterdir()) == []
    assert not (made.lower / ".git" / "modules").exists()


def test_the_mirror_is_the_same_after_a_sandbox_did_its_worst(workspaces: Workspaces, repo: Repo, origin: Path) -> None:
    """T40: what can be reached from a workspace is a copy; the mirror is byte-identical."""
    made = prepare(workspaces, repo, origin)
    before = digest(workspaces.mirror(repo))
    for path in sorted((made.lower / ".git").rglob("*")):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(b"overwritten")
    assert digest(workspaces.mirror(repo)) == before


def test_the_result_of_a_run_lies_beside_its_sandbox_and_goes_with_it(
    workspaces: Workspaces, repo: Repo, origin: Path, git_in: GitCommand, tmp_path: Path
) -> None:
    head = git_in(origin, "rev-parse", "secret")
    made = workspaces.prepare_result(origin / ".git", head, "abc-verify", UID, UID)
    assert made == workspaces.prepare_result(origin / ".git", head, "abc-verify", UID, UID)
    assert (made.lower / "secret.txt").exists()
    assert (made.lower / "secret.txt").stat().st_uid == UID
    assert not (tmp_path / "state" / "bases").exists()
    workspaces.discard("abc-verify")
    assert workspaces.scratch_ids() == []


@pytest.mark.parametrize("name", ["../../etc", "", "a/b", ".", "A", "x" * 90])
def test_a_name_never_leads_out_of_its_directory(workspaces: Workspaces, name: str) -> None:
    with pytest.raises(WorkspaceError, match="no id"):
        workspaces.discard(name)
    with pytest.raises(WorkspaceError, match="no id"):
        workspaces.discard_run(name)


def test_discard_takes_one_sandbox_and_can_be_repeated(workspaces: Workspaces, repo: Repo, origin: Path) -> None:
    first = prepare(workspaces, repo, origin)
    second = workspaces.prepare(repo, first.base_commit, "def-work", UID, UID)
    workspaces.discard("abc-work")
    workspaces.discard("abc-work")
    assert not first.scratch.exists()
    assert second.scratch.exists()
    assert workspaces.scratch_ids() == ["def-work"]


def test_discard_run_takes_its_quarantine_and_its_bundles_only(workspaces: Workspaces, tmp_path: Path) -> None:
    state = tmp_path / "state"
    for name in ("quarantine/abc/q.git", "quarantine/abd", "bundles"):
        (state / name).mkdir(parents=True)
    (state / "bundles" / "abc-work").touch()
    (state / "bundles" / "abcd-work").touch()
    workspaces.discard_run("abc")
    assert sorted(str(path.relative_to(state)) for path in state.rglob("*")) == [
        "bundles", "bundles/abcd-work", "quarantine", "quarantine/abd",
    ]


def test_prune_takes_the_least_recently_used_and_never_what_is_in_use(
    workspaces: Workspaces, repo: Repo, origin: Path, git_in: GitCommand
) -> None:
    lowers = []
    for number in range(4):
        git_in(origin, "commit", "-q", "--allow-empty", "-m", f"c{number}")
        lowers.append(prepare(workspaces, repo, origin, f"s{number}-work").lower)
        os.utime(lowers[-1].parent / "ready", (number, number))
    in_use = {lowers[0]}
    assert workspaces.prune(4, in_use, unused_seconds=0) == []
    assert workspaces.prune(1, in_use, unused_seconds=0) == [lowers[2].parent, lowers[1].parent]
    assert [path.exists() for path in lowers] == [True, False, False, True]


def test_a_checkout_that_was_just_asked_for_is_kept(workspaces: Workspaces, repo: Repo, origin: Path) -> None:
    """Its sandbox may not be on file yet."""
    made = prepare(workspaces, repo, origin)
    assert workspaces.prune(0, set()) == []
    assert workspaces.prune(0, set(), unused_seconds=0) == [made.lower.parent]
