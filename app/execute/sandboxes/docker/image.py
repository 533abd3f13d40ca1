"""From a profile's image name to the one image that is meant, by id."""

from __future__ import annotations

from typing import NamedTuple

import docker.errors

from app.errors import SandboxUnavailable
from app.execute.sandboxes.docker.engine import Engine, engine_errors


class Image(NamedTuple):
    """`id` cannot change between check and use; `env` (names) and `volumes` are the image's own, to be overruled.

    `path` is the image's own PATH: where a toolchain outside the usual places is found.
    """

    id: str
    env: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    path: str | None = None


def resolve(engine: Engine, name: str | None) -> Image:
    """Return the image called `name` on this host; nothing is pulled. Raises SandboxUnavailable."""
    if not name:
        raise SandboxUnavailable(
            "the profile names no image: set `container: image:`", reason="image_missing", retryable=False
        )
    api = engine.api
    with engine_errors(f"look up the image `{name}`"):
        try:
            found = api.inspect_image(name)  # type: ignore[no-untyped-call]
        except docker.errors.NotFound as error:
            raise SandboxUnavailable(
                f"the image `{name}` is not on this host: run `docker pull {name}` here, or build it",
                reason="image_missing", retryable=False,
            ) from error
    config = found.get("Config") or {}
    names = tuple(entry.partition("=")[0] for entry in config.get("Env") or ())
    path = next((entry[5:] for entry in config.get("Env") or () if entry.startswith("PATH=")), None)
    return Image(id=str(found["Id"]), env=names, volumes=tuple(sorted(config.get("Volumes") or ())), path=path)
