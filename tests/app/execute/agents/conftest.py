"""The benches: a gateway, a runner and a sandbox backend each, with the real CLIs in their parts of the tooling."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.execute.sandboxes.choose import backend_named
from app.execute.tooling.choose import Tooling
from app.settings import Settings
from tests.app.execute.agents.bench import Bench, bench
from tests.e2e.harness import share_tooling


@contextmanager
def opened(backend: str, image: str | None, docker_host: str) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="bh-") as short, tempfile.TemporaryDirectory(prefix="bh-bench-", ignore_cleanup_errors=True) as room:
        place = Path(room)
        place.chmod(0o755)
        share_tooling(place / "state")
        settings = Settings(state_dir=place / "state", docker_host=docker_host, host_name="agents")
        tooling = Tooling(settings)
        with bench(place, Path(short), backend_named(backend, settings), image, tooling.ensure, tooling.parts) as made:
            yield made
        tooling.close()


@pytest.fixture(scope="module")
def bubblewrap_bench(bubblewrap: str, docker_host: str) -> Iterator[Bench]:
    with opened("bubblewrap", None, docker_host) as made:
        yield made


@pytest.fixture(scope="module")
def debian_bench(debian_image: str, docker_host: str) -> Iterator[Bench]:
    with opened("docker", debian_image, docker_host) as made:
        yield made


@pytest.fixture(scope="module")
def empty_bench(empty_image: str, docker_host: str) -> Iterator[Bench]:
    with opened("docker", empty_image, docker_host) as made:
        yield made
