"""Removing what an agent has written: it may look like anything, and nothing outside may be touched."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from app.errors import WorkspaceError
from app.execute.workspace.removal import remove_tree

SCRIPT = "import sys; from pathlib import Path; from app.execute.workspace.removal import remove_tree; remove_tree(Path(sys.argv[1]))"


def test_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    remove_tree(tmp_path / "nothing")


def test_links_are_removed_and_never_followed(tmp_path: Path) -> None:
    """T33: neither a link to a directory, nor one to a file, nor the tree itself being a link."""
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep" / "keep").write_text("keep")
    mode = outside.stat().st_mode
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "b" / "dir").symlink_to(outside)
    (tree / "a" / "file").symlink_to(outside / "deep" / "keep")
    (tree / "top").symlink_to(outside)
    os.mkfifo(tree / "a" / "fifo")
    remove_tree(tree)
    assert not tree.exists()
    (tmp_path / "itself").symlink_to(outside)
    remove_tree(tmp_path / "itself")
    assert not (tmp_path / "itself").is_symlink()
    assert (outside / "deep" / "keep").read_text() == "keep"
    assert outside.stat().st_mode == mode


def test_a_very_deep_tree(tmp_path: Path) -> None:
    """Deeper than Python's recursion, the limit of open files and the longest path."""
    tree = tmp_path / "tree"
    tree.mkdir()
    here = os.open(tree, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(os.open("leaf", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    remove_tree(tree)
    assert not tree.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's view needs root to become that user")
def test_unreadable_modes_as_a_user_without_privileges(tmp_path: Path) -> None:
    """Directories of mode 000, as overlayfs leaves them in `work/`, and a read-only tree."""
    for part in [tmp_path, *tmp_path.parents]:
        if part.stat().st_uid == 0 and part != Path("/tmp") and part != Path("/"):
            part.chmod(0o755)
    tree = tmp_path / "home" / "tree"
    (tree / "work" / "work" / "inner").mkdir(parents=True)
    (tree / "ro" / "sub").mkdir(parents=True)
    (tree / "ro" / "sub" / "file").write_text("x")
    for path in [tmp_path / "home", *sorted((tmp_path / "home").rglob("*"))]:
        os.lchown(path, 10001, 10001)
    (tree / "work" / "work" / "inner").chmod(0)
    (tree / "work" / "work").chmod(0)
    (tree / "ro" / "sub").chmod(0o555)
    (tree / "ro").chmod(0o555)
    done = subprocess.run(
        ["/usr/bin/python3", "-c", SCRIPT, str(tree)], user=10001, group=10001, extra_groups=[], capture_output=True,
        text=True, check=False, cwd=Path(__file__).parents[4],
        env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": _site()},
    )
    assert done.returncode == 0, done.stderr
    assert not tree.exists()


def _site() -> str:
    import pydantic

    return str(Path(pydantic.__file__).parent.parent)


def test_many_files_in_one_directory(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "many").mkdir(parents=True)
    for number in range(5000):
        (tree / "many" / str(number)).touch()
    remove_tree(tree)
    assert not tree.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_what_is_mounted_is_an_error_that_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "tree" / "upper").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(tmp_path / "tree" / "upper")], check=True)
    try:
        with pytest.raises(WorkspaceError) as caught:
            remove_tree(tmp_path / "tree")
    finally:
        subprocess.run(["umount", str(tmp_path / "tree" / "upper")], check=True)
    assert caught.value.retryable
    remove_tree(tmp_path / "tree")
