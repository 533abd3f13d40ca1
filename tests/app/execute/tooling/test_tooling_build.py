"""The built tree: the same bytes from the same inputs, cached, and offline the second time."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from app.execute.tooling import layout, tree
from app.execute.tooling.build import KEPT_TREES, agent_tree, prune
from app.execute.tooling.process import interpreter, process_tree
from app.execute.tooling.tree import Tree

MIB = 1024 * 1024


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way out leads to a port where nothing listens."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "PIP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")


@pytest.mark.slow  # builds the whole tree twice
def test_two_builds_give_the_same_bytes_and_the_second_needs_no_network(
    agent: Tree, state_dir: Path, stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch)
    for cache in ("debs", "wheels"):
        shutil.copytree(state_dir / "tooling" / cache, tmp_path / "a-longer-path" / "tooling" / cache)
    again = agent_tree(tmp_path / "a-longer-path", sidecar=stand_in)
    assert again.path != agent.path
    assert list(tree.on_disk(again.path)) != []
    assert sorted(tree.on_disk(agent.path), key=lambda entry: entry.path) == sorted(
        tree.on_disk(again.path), key=lambda entry: entry.path
    )
    assert again.digest == agent.digest


def test_the_second_call_is_instant_and_runs_no_program(
    agent: Tree, state_dir: Path, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    before = time.perf_counter()
    assert agent_tree(state_dir, sidecar=stand_in) == agent
    assert time.perf_counter() - before < 0.1


def test_a_changed_tree_does_not_verify(agent: Tree, tmp_path: Path) -> None:
    shutil.copytree(agent.path, tmp_path / "copy", symlinks=True)
    copy = Tree(path=tmp_path / "copy", digest=agent.digest)
    tree.verify(copy)
    with (copy.path / "lib/bellhop/runner/__main__.py").open("a") as file:
        file.write("import evil\n")
    with pytest.raises(Exception, match=agent.digest[:12]):
        tree.verify(copy)


def test_the_tree_is_small_and_says_what_is_in_it(agent: Tree) -> None:
    size = sum(path.lstat().st_size for path in agent.path.rglob("*") if path.is_file() and not path.is_symlink())
    assert 40 * MIB < size < 120 * MIB
    record = json.loads((agent.path / layout.RECORD_FILE).read_text())
    packages = {package["name"]: package for package in record["packages"]}
    assert {"git", "bash", "busybox-static", "ca-certificates", "libc6"} <= set(packages)
    assert all(len(package["sha256"]) == 64 and package["licences"] for package in packages.values())
    assert any(wheel["file"].startswith("mini_swe_agent-") for wheel in record["wheels"])


def test_nothing_in_the_tree_tells_where_it_was_built(agent: Tree, state_dir: Path) -> None:
    found = subprocess.run(["grep", "-rlF", str(state_dir), str(agent.path)], capture_output=True, text=True, check=False, timeout=60)
    assert (found.returncode, found.stdout) == (1, "")


def test_every_program_has_its_loader_and_libraries_inside(agent: Tree) -> None:
    from app.execute.tooling import elf

    outside, missing = [], []
    for path in agent.path.rglob("*"):
        if path.is_symlink() or not path.is_file() or (read := elf.read(path.read_bytes())) is None:
            continue
        name = path.relative_to(agent.path).as_posix()
        missing += [f"{name}: {needed}" for needed in read.needed if not (agent.path / "lib" / needed).exists()]
        if read.interpreted and name != "lib/libc.so.6" and layout.LOADER.encode() not in path.read_bytes():
            outside.append(name)
    assert (outside, missing) == ([], [])


def test_no_link_leads_out_or_nowhere(agent: Tree) -> None:
    links = [path for path in agent.path.rglob("*") if path.is_symlink()]
    assert links
    assert [path for path in links if not path.resolve().is_relative_to(agent.path) or not path.exists()] == []


def test_only_the_newest_trees_are_kept(tmp_path: Path) -> None:
    names = [f"tree{number}" for number in range(KEPT_TREES + 2)]
    for name in [*names, "process-x"]:
        (tmp_path / name / "etc").mkdir(parents=True)
        (tmp_path / name / layout.DIGEST_FILE).write_text("")
    prune(tmp_path, "tree0")
    left = {path.name for path in tmp_path.iterdir()}
    assert {"tree0", "process-x"} <= left
    assert len(left) == KEPT_TREES + 1


def test_the_process_tree_runs_by_the_hosts_own_python(state_dir: Path, stand_in: Path) -> None:
    root = process_tree(state_dir, None, sidecar=stand_in)
    assert process_tree(state_dir, None, sidecar=stand_in) == root
    assert (root / "bin/python3").resolve() == interpreter().executable
    code = "import sys; sys.path.insert(0, sys.argv[1]); import pydantic; print(sys.base_prefix, pydantic.__file__)"
    done = subprocess.run(
        [root / "bin/python3", "-I", "-c", code, root / "lib/bellhop/site"], capture_output=True, text=True, check=True, timeout=30
    )
    prefix, module = done.stdout.split()
    assert (Path(prefix), Path(module).is_relative_to(root)) == (interpreter().prefix, True)
    ran = subprocess.run([root / "bin/python3", "-I", root / "lib/bellhop/runner"], capture_output=True, text=True, check=True, timeout=30)
    assert ran.stdout == "runner here\n"
    # As in the base; an agent's HTTP client may refuse to start without.
    assert "BEGIN CERTIFICATE" in Path(layout.CA_BUNDLE.replace(layout.ROOT, str(root))).read_text()


def test_the_process_tree_takes_a_site_that_is_there(state_dir: Path, stand_in: Path, tmp_path: Path) -> None:
    site = process_tree(state_dir, None, sidecar=stand_in) / "lib/bellhop/site"
    given = shutil.copytree(site, tmp_path / "agent-site")
    (given / "given.py").write_text("")
    root = process_tree(tmp_path / "state", given, sidecar=stand_in)
    assert (root / "lib/bellhop/site/given.py").exists()
    assert not (tmp_path / "state/tooling/wheels").exists()
