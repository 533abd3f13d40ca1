from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from app.execute.sandboxes.conformance.lab import Subject
from app.execute.sandboxes.options import BackendOptions
from app.execute.sandboxes.registry import open_backend
from tests.conftest import missing

MakeSubject = Callable[..., Subject]


@pytest.fixture(scope="session")
def probe_tooling(static_busybox: Path) -> Iterator[str]:
    """The least that the checks need at /agent: a static busybox."""
    with tempfile.TemporaryDirectory(prefix="bh-probe-") as directory:
        root = Path(directory)
        root.chmod(0o755)
        (root / "bin").mkdir()
        shutil.copy(static_busybox, root / "bin" / "busybox")
        yield str(root)


@pytest.fixture
def room() -> Iterator[Path]:
    """A directory that a sandbox's own user can reach, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="bh-room-", ignore_cleanup_errors=True) as directory:
        place = Path(directory)
        place.chmod(0o755)
        yield place


@pytest.fixture
def options(room: Path, docker_host: str) -> BackendOptions:
    return BackendOptions(installation=room.name, state_dir=room / "state", docker_host=docker_host)


@pytest.fixture
def make_subject(room: Path, options: BackendOptions, probe_tooling: str) -> MakeSubject:
    """Return a maker of Subjects: `make(backend name, image)`."""

    def make(name: str, image: str | None = None) -> Subject:
        return Subject(lambda: open_backend(name, options), room, probe_tooling, image)

    return make


@pytest.fixture
def docker_subject(make_subject: MakeSubject, debian_image: str) -> Subject:
    return make_subject("docker", debian_image)


@pytest.fixture(scope="session")
def runsc(docker_client: docker.APIClient) -> str:
    """The name of gVisor's runtime, known to the engine."""
    if "runsc" not in docker_client.info()["Runtimes"]:
        missing("the Docker engine has no runtime `runsc`")
    return "runsc"
