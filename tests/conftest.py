"""What tests may ask for: a Docker engine, Redis, PostgreSQL, directories. Real ones; nothing of ours is patched.

Under CI a part that is missing fails the test that asks for it; elsewhere it skips it and says why.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NoReturn

import docker
import docker.errors
import pytest
import structlog

from app.log import LOUD_LIBRARIES
from tests.environment import images, service_images, services
from tests.environment.engine import DEFAULT_HOST


def missing(reason: str) -> NoReturn:
    """Fail under CI, skip elsewhere."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"missing under CI: {reason}", pytrace=False)
    pytest.skip(reason)


def pytest_configure() -> None:
    """Write to emulated services at once, and hear SIGINT: a shell starts what it puts into the background with it ignored, and every child would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Emulated services are written to without a pause, but where a test is about that.
    os.environ.setdefault("BELLHOP_GITHUB_WRITE_SPACING_SECONDS", "0")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Give back what a command has set up for its process: here the next test would write to a stream that is closed."""
    loggers = [logging.getLogger(name) for name in ("", *LOUD_LIBRARIES)]
    levels = [logger.level for logger in loggers]
    handlers = loggers[0].handlers[:]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    loggers[0].handlers[:] = handlers
    structlog.reset_defaults()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def docker_host() -> str:
    """The address of the engine: DOCKER_HOST as tests/environment/with_engine.sh sets it, or the usual socket."""
    return os.environ.get("DOCKER_HOST", DEFAULT_HOST)


@pytest.fixture(scope="session")
def docker_client(docker_host: str) -> Iterator[docker.APIClient]:
    """A client of an engine that answers."""
    try:
        client = docker.APIClient(base_url=docker_host, version="auto", timeout=60)
    except docker.errors.DockerException as error:
        missing(f"no Docker engine answers at {docker_host}: {error}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def debian_image(docker_client: docker.APIClient) -> str:
    return _image(docker_client, images.DEBIAN)


@pytest.fixture(scope="session")
def busybox_image(docker_client: docker.APIClient) -> str:
    return _image(docker_client, images.BUSYBOX)


@pytest.fixture(scope="session")
def empty_image(docker_client: docker.APIClient) -> str:
    return _image(docker_client, images.EMPTY)


@pytest.fixture(scope="session")
def musl_image(docker_client: docker.APIClient) -> str:
    return _image(docker_client, images.MUSL)


@pytest.fixture(scope="session")
def postgres_image(docker_client: docker.APIClient) -> str:
    """An image whose entrypoint does what the official one's does; it holds `psql` and `redis-cli` as well."""
    return _made(service_images.ensure_postgres, docker_client)


@pytest.fixture(scope="session")
def redis_image(docker_client: docker.APIClient) -> str:
    return _made(service_images.ensure_redis, docker_client)


@pytest.fixture(scope="session")
def static_busybox() -> Path:
    """The host's static busybox."""
    try:
        return images.static_busybox()
    except RuntimeError as error:
        missing(str(error))


@pytest.fixture(scope="session")
def bubblewrap() -> str:
    """The path of bwrap."""
    found = shutil.which("bwrap")
    if found is None:
        missing("no bwrap: run `apt-get install bubblewrap`")
    return found


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a private Redis."""
    yield from _served(services.redis_server(tmp_path_factory.mktemp("redis")))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a private PostgreSQL (SQLAlchemy with psycopg) with an empty database, shared by the session."""
    # Not below pytest's own directory: that one is root's, and PostgreSQL does not run as root.
    with tempfile.TemporaryDirectory(prefix="bellhop-postgres-", ignore_cleanup_errors=True) as directory:
        yield from _served(services.postgres_server(Path(directory)))


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """An empty state directory."""
    place = tmp_path / "state"
    place.mkdir()
    return place


@pytest.fixture
def runtime_dir() -> Iterator[Path]:
    """An empty directory for sockets, its path short enough for them."""
    with tempfile.TemporaryDirectory(prefix="bh-", ignore_cleanup_errors=True) as directory:
        yield Path(directory)


def _served(server: AbstractContextManager[str]) -> Iterator[str]:
    """Yield the address of a server that runs as long as somebody wants it; only its start may be missing."""
    try:
        url = server.__enter__()
    except RuntimeError as error:
        missing(str(error))
    try:
        yield url
    finally:
        server.__exit__(None, None, None)


def _made(ensure: Callable[[docker.APIClient], str], client: docker.APIClient) -> str:
    try:
        return ensure(client)
    except RuntimeError as error:
        missing(str(error))


def _image(client: docker.APIClient, name: str) -> str:
    try:
        images.ensure(client, name)
    except RuntimeError as error:
        missing(str(error))
    return name
