"""`bellhop doctor image --try`: programs really start in a sandbox of the image, or it is told that they do not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.execute.sandboxes.docker.backend import DockerSandboxes, open_docker
from app.execute.sandboxes.docker.engine import Engine
from app.execute.sandboxes.options import BackendOptions
from app.execute.tooling.tree import Tree
from app.execute.tooling.trial import tried
from app.execute.tooling.volume import AgentVolumes

pytestmark = pytest.mark.docker


@pytest.fixture
def backend(tmp_path: Path, docker_host: str) -> Iterator[DockerSandboxes]:
    with contextlib.closing(open_docker(BackendOptions(installation=tmp_path.name, state_dir=tmp_path, docker_host=docker_host))) as opened:
        yield opened


@pytest.fixture
def base(docker_host: str, agent: Tree, state_dir: Path) -> Iterator[str]:
    with contextlib.closing(Engine(docker_host, 120)) as engine:
        yield AgentVolumes(engine, state_dir).ensure(agent)


def part(place: Path, name: str, text: str) -> str:
    """A part of one program, as a directory of the host."""
    program = place / name / "bin" / "tool"
    program.parent.mkdir(parents=True)
    program.write_text(text)
    program.chmod(0o755)
    return str(place / name)


def test_what_starts_and_what_does_not_is_told_apart(backend: DockerSandboxes, base: str, empty_image: str, tmp_path: Path) -> None:
    parts = {
        "good": part(tmp_path, "good", '#!/agent/bin/sh\n[ "$1" = --version ] && [ "$(id -u)" != 0 ] && [ -x /agent-other/bin/tool ]\n'),
        "other": part(tmp_path, "other", "#!/agent/bin/sh\nexit 7\n"),
        "alien": part(tmp_path, "alien", "\x7fELF nothing that runs"),
    }
    assert tried(backend, empty_image, base, parts, (), tmp_path) == ""
    assert tried(backend, empty_image, base, parts, ("good", "other"), tmp_path) == ""
    assert tried(backend, empty_image, base, parts, ("good",), tmp_path) == "exit code 1"
    assert tried(backend, empty_image, base, parts, ("other",), tmp_path) == "exit code 1"
    assert tried(backend, empty_image, base, parts, ("alien",), tmp_path) == "exit code 1"
    assert backend.find() == {}
    assert list(tmp_path.glob("try-*")) == []


def test_an_image_that_no_sandbox_can_be_made_of_is_told(backend: DockerSandboxes, base: str, tmp_path: Path) -> None:
    assert "bellhop-test/none:0" in tried(backend, "bellhop-test/none:0", base, {}, (), tmp_path)
