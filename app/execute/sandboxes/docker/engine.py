"""The connection to a Docker engine: opened at the first call, every call bounded, every error one of ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import docker
import docker.errors
import requests

from app.errors import SandboxUnavailable


class Engine:
    """A Docker engine at `docker_host`; nothing is opened before the first use of `api`."""

    def __init__(self, docker_host: str, timeout_seconds: float) -> None:
        self.docker_host = docker_host
        self._timeout_seconds = timeout_seconds
        self._client: docker.APIClient | None = None
        self._lock = threading.Lock()

    @property
    def api(self) -> docker.APIClient:
        """The low-level client, its API version agreed with the engine. Raises SandboxUnavailable."""
        with self._lock:
            if self._client is None:
                with engine_errors("answer", self.docker_host):
                    self._client = docker.APIClient(
                        base_url=self.docker_host, version="auto", timeout=max(1, int(self._timeout_seconds))
                    )
            return self._client

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None


@contextmanager
def engine_errors(doing: str, docker_host: str = "") -> Iterator[None]:
    """Turn what docker-py raises while `doing` something into SandboxUnavailable; `docker_host` is told where it is at fault."""
    try:
        yield
    except docker.errors.APIError as error:
        raise SandboxUnavailable(
            f"the Docker engine would not {doing}: {error.explanation or error}", reason="engine_refused"
        ) from error
    except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
        raise SandboxUnavailable(
            f"the Docker engine{f' at {docker_host}' if docker_host else ''} did not {doing}: {_cause(error)}; see that it runs "
            "(`docker info`) and that this user may use its socket, or set BELLHOP_DOCKER_HOST (DOCKER_HOST is not read)",
            reason="engine_down",
        ) from error


def _cause(error: BaseException) -> str:
    """Return what the system said at the bottom of docker-py's, requests' and urllib3's wrappings."""
    deepest = error
    while (below := deepest.__cause__ or deepest.__context__) is not None:
        deepest = below
    return (isinstance(deepest, OSError) and deepest.strerror) or str(error)
