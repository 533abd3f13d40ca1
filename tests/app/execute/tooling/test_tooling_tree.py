"""A tree's digest is its content and nothing else."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from app.errors import ToolingError
from app.execute.tooling import tree, volume
from app.execute.tooling.chunks import ChunkReader
from tests.app.execute.tooling.conftest import MakeTree

FILES = {"bin/tool": "echo", "lib/a.py": "x = 1", "bin/link": "-> tool"}


def test_the_digest_ignores_times_and_its_own_record(make_tree: MakeTree) -> None:
    built = make_tree(FILES)
    os.utime(built.path / "bin/tool", (1, 1))
    (built.path / "etc/bellhop-digest").write_text("something else")
    assert built.digest == tree.digest(tree.on_disk(built.path))


def change_content(root: Path) -> None:
    (root / "bin/tool").write_text("Echo")


def change_mode(root: Path) -> None:
    (root / "bin/tool").chmod(0o4755)


def change_link(root: Path) -> None:
    (root / "bin/link").unlink()
    (root / "bin/link").symlink_to("../lib/a.py")


def add_file(root: Path) -> None:
    (root / "bin/more").write_text("")


def remove_file(root: Path) -> None:
    (root / "lib/a.py").unlink()


def add_directory(root: Path) -> None:
    (root / "empty").mkdir()


@pytest.mark.parametrize("change", [change_content, change_mode, change_link, add_file, remove_file, add_directory])
def test_a_change_of_any_kind_is_refused(make_tree: MakeTree, change) -> None:  # type: ignore[no-untyped-def]
    built = make_tree(FILES)
    tree.verify(built)
    change(built.path)
    with pytest.raises(ToolingError) as caught:
        tree.verify(built)
    assert caught.value.reason == "digest"


def test_a_pipe_is_no_part_of_a_tree(make_tree: MakeTree) -> None:
    built = make_tree(FILES)
    os.mkfifo(built.path / "pipe")
    with pytest.raises(ToolingError) as caught:
        tree.verify(built)
    assert caught.value.reason == "foreign_file"


def test_a_tar_stream_has_the_digest_of_the_directory(make_tree: MakeTree) -> None:
    built = make_tree(FILES)
    archive = io.BytesIO()
    volume.pack(built.path, archive)
    data = archive.getvalue()
    # In pieces whose borders fall anywhere, as an HTTP answer brings them.
    stream = io.BufferedReader(ChunkReader(data[at : at + 777] for at in range(0, len(data), 777)))
    assert built.digest == tree.digest(tree.in_tar(stream, ""))


def test_a_stream_that_is_cut_is_an_error_that_says_so(make_tree: MakeTree) -> None:
    archive = io.BytesIO()
    volume.pack(make_tree({**FILES, "big": "x" * 100_000}).path, archive)
    with pytest.raises(ToolingError) as caught:
        tree.digest(tree.in_tar(io.BytesIO(archive.getvalue()[:40_000]), ""))
    assert (caught.value.reason, caught.value.retryable) == ("cut", True)


def test_a_hard_link_in_a_stream_is_foreign() -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        info = tarfile.TarInfo("agent/x")
        info.type, info.linkname = tarfile.LNKTYPE, "/etc/passwd"
        tar.addfile(info)
    archive.seek(0)
    with pytest.raises(ToolingError) as caught:
        list(tree.in_tar(archive, "agent"))
    assert caught.value.reason == "foreign_file"


def test_a_tree_without_its_record_is_unfinished(make_tree: MakeTree) -> None:
    built = make_tree(FILES)
    (built.path / "etc/bellhop-digest").unlink()
    with pytest.raises(ToolingError) as caught:
        tree.opened(built.path)
    assert caught.value.reason == "unfinished"
