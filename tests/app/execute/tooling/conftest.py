"""The tree that these tests share: built by the real apt, patchelf and pip, once, with a sidecar of the tests' own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.execute.tooling import tree
from app.execute.tooling.build import agent_tree
from app.execute.tooling.inputs import PARTS, SIDECAR
from app.execute.tooling.tree import Tree
from tests.app.execute.tooling.fake_registry import Registry, served

MakeTree = Callable[[dict[str, str]], Tree]


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sidecar whose programs are of one line each, and the real requirements."""
    sidecar = tmp_path_factory.mktemp("sidecar")
    for part in PARTS:
        (sidecar / part).mkdir()
        (sidecar / part / "__main__.py").write_text(f"print('{part} here')\n")
    shutil.copyfile(SIDECAR / "requirements.txt", sidecar / "requirements.txt")
    return sidecar


@pytest.fixture(scope="session")
def state_dir() -> Path:
    """Kept between sessions, outside the source tree: downloads cost network, builds cost ten seconds."""
    return Path(tempfile.gettempdir()) / f"bellhop-test-tooling-{os.geteuid()}"


@pytest.fixture(scope="session")
def agent(state_dir: Path, stand_in: Path) -> Tree:
    """The built tree, of the packages that apt names today."""
    for pointer in (state_dir / "tooling").glob("resolved-*"):
        pointer.unlink(missing_ok=True)
    return agent_tree(state_dir, sidecar=stand_in)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry of the tests' own, which npm and pip are pointed at."""
    with served() as running:
        monkeypatch.setenv("npm_config_registry", f"{running.url}/npm/")
        monkeypatch.setenv("npm_config_fetch_retries", "0")
        for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("PIP_INDEX_URL", f"{running.url}/simple/")
        monkeypatch.setenv("PIP_RETRIES", "0")
        monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
        yield running


@pytest.fixture
def make_tree(tmp_path: Path) -> MakeTree:
    """Make a small finished tree: path -> text, `-> target` for a link."""
    def make(files: dict[str, str]) -> Tree:
        root = tmp_path / "small"
        for path, text in {**files, "etc/keep": ""}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("-> "):
                (root / path).symlink_to(text.removeprefix("-> "))
            else:
                (root / path).write_text(text)
        (root / "etc/bellhop-digest").write_text(tree.digest(tree.on_disk(root)))
        return tree.opened(root)

    return make
