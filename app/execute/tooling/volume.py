"""The `/agent` tree as a Docker volume named by its content, `bellhop-agent-<digest12>`; nothing is ever run for it.

Files go in through a container that is created and never started (THREATS T36), whose image is empty. They are
read back and hashed, and only then the marker `etc/bellhop-digest` is written: a volume without the right
marker was interrupted half way and is loaded again.

What a check costs, measured on two cores: a volume that this process has checked before, one inspect (1 ms); the
first time in a process, reading the marker back (70 ms); `verify`, hashing all 85 MB (0.4 s); loading (2 s).
"""

from __future__ import annotations

import io
import tarfile
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import docker.errors

from app.errors import SandboxUnavailable, ToolingError
from app.execute.sandboxes.docker.engine import Engine, engine_errors
from app.execute.tooling import layout, tree
from app.execute.tooling.chunks import ChunkReader
from app.execute.tooling.lock import WAIT_SECONDS, held
from app.execute.tooling.tree import Tree
from app.execute.tooling.write import TIME

EMPTY_IMAGE = ("bellhop/empty", "1")
LABEL = "bellhop.tooling"


class AgentVolumes:
    """The volumes of one engine. Safe to share between threads; workers of other processes wait on a lock file.

    Every method raises SandboxUnavailable when the engine does not answer.
    """

    def __init__(self, engine: Engine, state_dir: Path, lock_wait_seconds: float = WAIT_SECONDS) -> None:
        self._engine = engine
        self._lock_wait_seconds = lock_wait_seconds
        self._lock_file = state_dir / "tooling" / "volume.lock"
        self._checked: dict[str, str] = {}
        self._one_at_a_time = threading.Lock()

    def ensure(self, built: Tree) -> str:
        """Return the name of the volume that holds the tree, loading it when there is none.

        Raises ToolingError: `digest` (the tree on disk, or what the engine stored, is not what was built),
        `foreign_volume` (the name is taken by a volume that is not ours), `locked` (another worker loads for too long).
        """
        name = volume_name(built.digest)
        created = self._created(name, built.digest)
        if created and self._checked.get(name) == created:
            return name
        with self._one_at_a_time, held(self._lock_file, self._lock_wait_seconds):
            if self._marker(name, built.digest) != built.digest:
                tree.verify(built)
                self._load(name, built)
            self._checked[name] = self._created(name, built.digest) or ""
        return name

    def holds(self, built: Tree) -> bool:
        """Return whether the engine has a volume for the tree, whatever is in it; False where no engine answers.

        Raises ToolingError `foreign_volume`.
        """
        try:
            return self._created(volume_name(built.digest), built.digest) is not None
        except SandboxUnavailable as error:
            if error.reason != "engine_down":
                raise
            return False

    def verify(self, built: Tree) -> None:
        """Hash every file of the volume, reading it through the engine.

        Raises ToolingError: `digest` when the volume is not there, not whole or changed.
        """
        name = volume_name(built.digest)
        with self._one_at_a_time, held(self._lock_file, self._lock_wait_seconds):
            if self._created(name, built.digest) is None:
                raise ToolingError(f"there is no volume {name}: the next run loads it", reason="digest")
            with self._container(name, built.digest) as container:
                self._compare(container, name, built.digest)

    def _created(self, name: str, digest: str) -> str | None:
        """Return when the volume was created, or None. Raises ToolingError for a volume that is not ours.

        An empty one without any label counts as none: an engine makes what a container asks for and somebody has removed.
        """
        with engine_errors("show a volume"):
            try:
                found = self._engine.api.inspect_volume(name)
            except docker.errors.NotFound:
                return None
        labels = found.get("Labels") or {}
        if not labels and self._is_empty(name, digest):
            return None
        if labels.get(LABEL) != digest:
            raise ToolingError(
                f"the volume {name} was not made by Bellhop (its label {LABEL} is missing): look what it is, "
                f"then remove it with `docker volume rm {name}`",
                reason="foreign_volume",
            )
        return str(found["CreatedAt"])

    def _is_empty(self, name: str, digest: str) -> bool:
        with self._container(name, digest) as container, engine_errors("read a volume"):
            chunks, _ = self._engine.api.get_archive(container, layout.ROOT)
            try:
                with tarfile.open(fileobj=io.BufferedReader(ChunkReader(chunks)), mode="r|") as tar:
                    return sum(1 for _ in zip(tar, range(2), strict=False)) < 2
            finally:
                for _ in chunks:
                    pass  # an answer that is not read to its end keeps its connection

    def _marker(self, name: str, digest: str) -> str:
        """Return the digest that a volume says it holds; empty for none."""
        if self._created(name, digest) is None:
            return ""
        with self._container(name, digest) as container:
            return self.marker_in(container)

    def marker_in(self, container: str) -> str:
        """Return the digest that the volume at `/agent` of a container, created and not started, says it holds."""
        with engine_errors("read a volume"):
            try:
                chunks, _ = self._engine.api.get_archive(container, f"{layout.ROOT}/{layout.DIGEST_FILE}")
            except docker.errors.NotFound:
                return ""
            with tarfile.open(fileobj=io.BytesIO(b"".join(chunks)), mode="r:") as tar:
                first = tar.next()
                file = tar.extractfile(first) if first is not None and first.isreg() else None
                return file.read(100).decode("ascii", "replace").strip() if file else ""

    def _load(self, name: str, built: Tree) -> None:
        """Make the volume anew: files, read-back, marker. The caller holds the lock."""
        api = self._engine.api
        with engine_errors("make a volume"):
            for abandoned in api.containers(all=True, filters={"label": f"{LABEL}={built.digest}"}):
                api.remove_container(abandoned["Id"], force=True)
            self._created(name, built.digest)
            with suppress(docker.errors.NotFound):
                api.remove_volume(name)
            api.create_volume(name, labels={"bellhop": "tooling", LABEL: built.digest})
        with self._container(name, built.digest) as container:
            with tempfile.TemporaryFile(dir=self._lock_file.parent) as file:
                pack(built.path, file)
                self._put(container, file)
            self._compare(container, name, built.digest)
            self._put(container, marker_archive(built.digest))

    def _put(self, container: str, archive: Any) -> None:
        with engine_errors("store the /agent tree"):
            archive.seek(0)
            self._engine.api.put_archive(container, layout.ROOT, archive)

    def _compare(self, container: str, name: str, digest: str) -> None:
        with engine_errors("read a volume"):
            chunks, _ = self._engine.api.get_archive(container, layout.ROOT)
            try:
                found = tree.digest(tree.in_tar(io.BufferedReader(ChunkReader(chunks)), "agent"))
            finally:
                for _ in chunks:
                    pass  # an answer that is not read to its end keeps its connection
        if found != digest:
            raise ToolingError(
                f"the volume {name} holds {found[:12]} instead of {digest[:12]}: something changed it, or the disk is "
                f"failing. Stop what uses it and remove it with `docker volume rm {name}`; the next run loads it again",
                reason="digest",
            )

    @contextmanager
    def _container(self, name: str, digest: str) -> Iterator[str]:
        """Give the id of a container that shows the volume at `/agent`, is never started, and is removed after."""
        api = self._engine.api
        with engine_errors("create a container"):
            image = self._empty_image()
            created = api.create_container(
                image, command=["/never-started"], name=f"bellhop-tooling-{uuid.uuid4().hex[:12]}",
                labels={"bellhop": "tooling", LABEL: digest}, network_disabled=True,
                host_config=api.create_host_config(binds=[f"{name}:{layout.ROOT}:nocopy"], network_mode="none"),
            )
        try:
            yield str(created["Id"])
        finally:
            with engine_errors("remove a container"):
                api.remove_container(created["Id"], force=True)

    def _empty_image(self) -> str:
        """Return the name of an image without any file, imported when the engine has none."""
        repository, tag = EMPTY_IMAGE
        if not self._engine.api.images(name=f"{repository}:{tag}", quiet=True):
            nothing = io.BytesIO()
            tarfile.open(fileobj=nothing, mode="w").close()
            self._engine.api.import_image_from_data(
                nothing.getvalue(), repository=repository, tag=tag, changes=["LABEL bellhop=tooling"]
            )
        return f"{repository}:{tag}"


def volume_name(digest: str) -> str:
    """Return the name of the volume for a tree's digest."""
    return f"bellhop-agent-{digest[:12]}"


def pack(root: Path, file: Any) -> None:
    """Write a tree as an uncompressed tar archive: root's files, one time, no marker."""

    def owned(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if info.name == layout.DIGEST_FILE:
            return None
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        info.mtime = TIME
        return info

    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(root.iterdir()):
            tar.add(path, arcname=path.name, filter=owned)


def marker_archive(digest: str) -> io.BytesIO:
    """Return a tar archive that holds nothing but the marker."""
    data = digest.encode()
    info = tarfile.TarInfo(layout.DIGEST_FILE)
    info.size, info.mode, info.mtime = len(data), 0o644, TIME
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(info, io.BytesIO(data))
    return archive
