"""Which sandbox the demo can have on this machine: Docker with an image, or bubblewrap, said loudly."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import docker
from docker.errors import DockerException, ImageNotFound

from app.core.isolation import Isolation
from app.errors import BellhopError, ConfigurationError
from app.execute.sandboxes.choose import backend_named
from app.execute.tooling.choose import Tooling
from app.ports import Closes, SandboxBackend
from app.settings import Settings

# Any of these that is on the machine will do; the first is asked for if none is.
IMAGES = ("python:3.11-slim", "python:3.12-slim", "python:3.13-slim", "debian:bookworm-slim", "debian:12", "ubuntu:24.04")
PULL_SECONDS = 60


class Choice(NamedTuple):
    """What the demo runs in; `why` says why it is not something stronger, or is empty."""

    backend: str
    isolation: Isolation
    image: str | None
    why: str = ""


def choose(settings: Settings, wanted: str, image: str | None) -> Choice:
    """Return the sandbox to use, with its `/agent` tree ready: `wanted` is docker, bubblewrap or auto.

    Raises ConfigurationError, SandboxUnavailable, ToolingError.
    """
    if wanted == "bubblewrap" and image:
        raise ConfigurationError("--image is for Docker: bubblewrap shows this machine's own programs. Leave one of the two out")
    if wanted not in ("auto", "docker", "bubblewrap"):
        raise ConfigurationError(f"--sandbox is docker, bubblewrap or auto, not {wanted!r}")
    why = ""
    if wanted != "bubblewrap":
        try:
            return Choice("docker", "container", _docker_image(settings, image))
        except BellhopError as error:
            if wanted == "docker":
                raise
            why = str(error)
    backend = backend_named("bubblewrap", settings)
    backend.check()
    _make_ready(settings, backend)
    return Choice("bubblewrap", "process", None, why)


def _docker_image(settings: Settings, image: str | None) -> str:
    """Return an image to use, with the `/agent` tree ready for it. Raises BellhopError."""
    backend = backend_named("docker", settings)
    backend.check()
    names = (image,) if image else IMAGES
    try:
        with closing(docker.DockerClient(base_url=settings.docker_host, timeout=PULL_SECONDS)) as client:
            found = next((name for name in names if _is_there(client, name)), None)
            if found is None:
                found = names[0]
                client.images.pull(found)
    except (DockerException, OSError) as error:
        said = " ".join(str(getattr(error, "explanation", None) or error).split())[:200]
        raise ConfigurationError(
            f"Docker answers, but it has no image to use ({', '.join(names)}) and could not pull {names[0]}: {said.rstrip('.')}. "
            "Name an image that it has: --image NAME"
        ) from error
    _make_ready(settings, backend)
    return found


def _make_ready(settings: Settings, backend: SandboxBackend) -> None:
    with closing(Tooling(settings)) as tooling:
        tooling.ensure(backend)
    if isinstance(backend, Closes):
        backend.close()


def _is_there(client: docker.DockerClient, name: str) -> bool:
    try:
        client.images.get(name)
    except ImageNotFound:
        return False
    return True


def shared_tooling(settings: Settings, cache: Path | None) -> None:
    """Keep the `/agent` trees between demos, if `cache` can be written: building one takes longer than the demo."""
    if cache is None:
        return
    tooling = cache / "tooling"
    try:
        tooling.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if not os.access(tooling, os.W_OK | os.X_OK):
        return
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    (settings.state_dir / "tooling").symlink_to(tooling)
