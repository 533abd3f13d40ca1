"""Single files of an image, read through a container that is created for it, never started, and removed.

The engine resolves paths inside that container; nothing of the image runs (THREATS T36).
https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerArchiveInfo
"""

from __future__ import annotations

import base64
import io
import json
import tarfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

import docker.errors

from app.execute.sandboxes.docker.engine import Engine, engine_errors
from app.execute.tooling.chunks import ChunkReader

LABEL = "bellhop=image-look"
# Whoever made a container for a look and died leaves it; nobody looks for this long.
ABANDONED_SECONDS = 600.0
# The engine's words for a link that leads to itself, and for a path through something that is no directory.
LOOP, NO_DIRECTORY = "too many links", "not a directory"
CHUNK_BYTES = 64 * 1024
# Of a directory's archive so much is read in search of those below it.
DIRECTORIES_BYTES = 8 * 1024 * 1024

# Bits of Go's os.FileMode: https://pkg.go.dev/io/fs#FileMode
_DIRECTORY, _LINK, _ANYTHING_ELSE = 1 << 31, 1 << 27, 0x4E80000


class Stat(NamedTuple):
    """What is at a path; `target` is where a link leads in the end, inside the image."""

    kind: Literal["file", "directory", "link", "other"]
    executable: bool
    size: int
    target: str


class Directory(NamedTuple):
    """A directory of an image, by its whole path, with its owner and its permission bits."""

    path: str
    mode: int
    uid: int
    gid: int


class ImageFiles:
    """The files of one image. Every method raises SandboxUnavailable when the engine does not answer."""

    def __init__(self, engine: Engine, container: str) -> None:
        self._engine = engine
        self._container = container

    def stat(self, path: str) -> Stat | None:
        """Return what is at an absolute path, its last component not followed, or None."""
        api = self._engine.api
        with engine_errors("look into an image"):
            answer = api.head(self._address(), params={"path": path}, timeout=api.timeout)
            if answer.status_code == 404:
                return None
            if answer.status_code == 500 and (why := self._refusal(path)):
                return Stat("other", executable=False, size=0, target="") if why == LOOP else None
            answer.raise_for_status()
            found = json.loads(base64.b64decode(answer.headers["X-Docker-Container-Path-Stat"]))
        mode = int(found["mode"])
        kind: Literal["file", "directory", "link", "other"] = "file"
        if mode & _DIRECTORY:
            kind = "directory"
        elif mode & _LINK:
            kind = "link"
        elif mode & _ANYTHING_ELSE:
            kind = "other"
        return Stat(kind, bool(mode & 0o111), int(found["size"]), str(found.get("linkTarget") or ""))

    def _refusal(self, path: str) -> str:
        """Return which of the known reasons the engine has for not looking at a path; the answer to HEAD has no words."""
        api = self._engine.api
        with api.get(self._address(), params={"path": path}, stream=True, timeout=api.timeout) as answer:
            said = answer.text if answer.status_code == 500 else ""
        return next((why for why in (LOOP, NO_DIRECTORY) if why in said), "")

    def followed(self, path: str) -> tuple[str, Stat] | None:
        """Return where a path leads in the end and what is there, or None."""
        found = self.stat(path)
        if found is None or found.kind != "link":
            return None if found is None else (path, found)
        end = self.stat(found.target)
        return None if end is None or end.kind == "link" else (found.target, end)

    def read(self, path: str, limit: int) -> bytes | None:
        """Return the regular file at a path, links followed, up to `limit` bytes; None when there is none."""
        found = self.followed(path)
        if found is None or found[1].kind != "file":
            return None
        api = self._engine.api
        with (
            engine_errors("look into an image"),
            api.get(self._address(), params={"path": found[0]}, stream=True, timeout=api.timeout) as answer,
        ):
            if answer.status_code == 404:
                return None
            answer.raise_for_status()
            with tarfile.open(fileobj=io.BufferedReader(ChunkReader(answer.iter_content(CHUNK_BYTES))), mode="r|") as tar:
                member = tar.next()
                file = tar.extractfile(member) if member is not None and member.isreg() else None
                return file.read(limit) if file is not None else None

    def directories(self, path: str, limit: int) -> list[Directory]:
        """Return the directory at `path` (no link) and those below it, at most `limit`; what would take too long to read is left out."""
        api = self._engine.api
        found: list[Directory] = []
        with (
            engine_errors("look into an image"),
            api.get(self._address(), params={"path": path}, stream=True, timeout=api.timeout) as answer,
        ):
            if answer.status_code == 404:
                return []
            answer.raise_for_status()
            with tarfile.open(fileobj=io.BufferedReader(ChunkReader(answer.iter_content(CHUNK_BYTES))), mode="r|") as tar:
                for member in tar:
                    # The first one is the directory itself, called by the last part of its path.
                    below = member.name.strip("/").partition("/")[2]
                    if member.isdir():
                        found.append(Directory(f"{path.rstrip('/')}/{below}".rstrip("/") or "/", member.mode & 0o7777, member.uid, member.gid))
                    if len(found) >= limit or tar.offset > DIRECTORIES_BYTES:
                        break
        return found

    def _address(self) -> str:
        api = self._engine.api
        return f"{api.base_url}/v{api.api_version}/containers/{self._container}/archive"


@contextmanager
def opened(engine: Engine, image_id: str) -> Iterator[ImageFiles]:
    """Give the files of an image, by a container that is never started. Raises SandboxUnavailable."""
    api = engine.api
    label, _, value = LABEL.partition("=")
    with engine_errors("create a container"):
        for left in api.containers(all=True, filters={"label": LABEL}):
            if left["Created"] < time.time() - ABANDONED_SECONDS:
                _remove(engine, left["Id"])
        created = api.create_container(
            image_id, entrypoint=["/never-started"], command=[], name=f"bellhop-look-{uuid.uuid4().hex[:12]}", labels={label: value},
            network_disabled=True, host_config=api.create_host_config(network_mode="none"), use_config_proxy=False,
        )
    try:
        yield ImageFiles(engine, str(created["Id"]))
    finally:
        with engine_errors("remove a container"):
            _remove(engine, created["Id"])


def _remove(engine: Engine, container: str) -> None:
    try:
        engine.api.remove_container(container, force=True, v=True)
    except docker.errors.NotFound:
        return
