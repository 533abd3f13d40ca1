"""Sandboxes as Docker containers: `container` on runc, `gvisor` on runsc."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import docker.errors
from docker.types import Mount

from app.core.isolation import Guarantee, Isolation
from app.core.profile import Container
from app.errors import SandboxRefused, SandboxUnavailable
from app.execute.sandboxes import places, workspaces
from app.execute.sandboxes.docker import config, fill, image_files
from app.execute.sandboxes.docker.engine import Engine, engine_errors
from app.execute.sandboxes.docker.guarantees import KEPT_BY, kept
from app.execute.sandboxes.docker.image import Image, resolve
from app.execute.sandboxes.docker.memory import killed_for_memory
from app.execute.sandboxes.docker.services import Services
from app.execute.sandboxes.options import BackendOptions
from app.execute.sandboxes.service_support import no_services
from app.ports import Handle, SandboxSpec, SandboxStatus

REMOVAL_SECONDS = 30.0


class DockerSandboxes:
    """One container per sandbox, known by its name and labels alone, so that any worker can attach to it."""

    def __init__(
        self, engine: Engine, *, name: str, isolation: Isolation, runtime: str, installation: str,
        build_host: config.BuildHost = config.host_config,
    ) -> None:
        self._build_host = build_host
        self.name = name
        self.isolation: Isolation = isolation
        self.guarantees: frozenset[Guarantee] = KEPT_BY[runtime]
        self._engine = engine
        self._runtime = runtime
        self._installation = installation
        self._overlay_impossible = False
        self._looked_at: dict[str, fill.Facts] = {}
        # Each sandbox of gVisor has a network of its own kernel, which no other container can join.
        self.has_services = runtime == "runc"
        self.has_overlays = True
        self._services = Services(engine)

    def check(self) -> str:
        """Return the engine's and the runtime's version, and take back the guarantees this engine cannot keep.

        Raises SandboxUnavailable when the engine does not answer or does not know the runtime.
        """
        api = self._engine.api
        with engine_errors("answer", self._engine.docker_host):
            info = api.info()
        if self._runtime not in info.get("Runtimes", {}):
            raise SandboxUnavailable(
                f"the Docker engine has no runtime `{self._runtime}`: install it and name it under `runtimes` in "
                '/etc/docker/daemon.json, for runsc with "runtimeArgs": ["--network=none", "--fsgofer-host-uds"]',
                reason="runtime_missing", retryable=False,
            )
        self.guarantees = kept(self._runtime, info)
        return (
            f"Docker {info.get('ServerVersion')} with {self._runtime}, {info.get('Driver')}, "
            f"cgroup v{info.get('CgroupVersion', '1')}"
        )

    def create(self, spec: SandboxSpec) -> Handle:
        """Start the container, detached; a second call for the same id finds the first.

        Its services are started after it, and only while it runs. Raises SandboxUnavailable (engine, image or workspace),
        SandboxRefused (root asked, a limit discarded, or services where there are none).
        """
        if spec.uid <= 0:
            raise SandboxRefused("a sandbox never runs as root: set `container: user:` to another uid", reason="root_user")
        if spec.services and not self.has_services:
            raise no_services(self.name)
        marks = config.labels(self._installation, self.name, spec)
        plans = self._services.unstarted(spec, marks)
        found = self._existing(spec.id)
        if found is None:
            workspaces.require(spec.workspace)
            found = self._new(spec, resolve(self._engine, spec.container.image))
        if found["State"]["Status"] == "created":
            self._start(spec)
        if found["State"]["Status"] in ("created", "running"):
            self._services.start(spec, plans, marks)
        return self._handle(spec.id)

    def made_of(self, container: Container) -> str:
        """Return the image's id. Raises SandboxUnavailable."""
        return resolve(self._engine, container.image).id

    def poll(self, handle: Handle) -> SandboxStatus:
        """Return what the engine says. Raises SandboxUnavailable when it does not answer."""
        api = self._engine.api
        with engine_errors("show a container"):
            try:
                found = api.inspect_container(str(handle["container"]))
            except docker.errors.NotFound:
                return SandboxStatus(state="gone")
        state = found["State"]
        out_of_memory = killed_for_memory(found)
        match state["Status"]:
            case "removing":
                return SandboxStatus(state="gone")
            case "running" | "paused" | "restarting":
                return SandboxStatus(state="running", out_of_memory=out_of_memory)
            case "created":
                return SandboxStatus(state="exited")
            case _:
                return SandboxStatus(state="exited", exit_code=int(state["ExitCode"]), out_of_memory=out_of_memory)

    def stop(self, handle: Handle, grace_seconds: float) -> None:
        """Send TERM, then KILL to the whole container after the grace. Raises SandboxUnavailable."""
        api = self._engine.api
        with engine_errors("stop a container"):
            try:
                api.stop(str(handle["container"]), timeout=max(0, math.ceil(grace_seconds)))
            except docker.errors.NotFound:
                return

    def destroy(self, handle: Handle) -> None:
        """Remove the container and every volume that bears the sandbox's label. Raises SandboxUnavailable."""
        deadline = time.monotonic() + REMOVAL_SECONDS
        while not self._removed(str(handle["id"]), str(handle["container"])):
            if time.monotonic() > deadline:
                raise SandboxUnavailable(
                    f"the container {handle['container']} is still being removed: look at the engine's log",
                    reason="removal_slow",
                )
            time.sleep(0.05)

    def find(self) -> dict[str, Handle]:
        """Return the sandboxes of this installation and runtime, also those of which only a volume is left.

        Raises SandboxUnavailable.
        """
        api = self._engine.api
        wanted = {
            "label": [
                "bellhop=sandbox", f"bellhop.installation={self._installation}", f"bellhop.backend={self.name}",
            ]
        }
        with engine_errors("list containers"):
            containers = api.containers(all=True, filters=wanted)
            volumes = api.volumes(filters=wanted)["Volumes"] or []
        ids = {str(found["Labels"]["bellhop.sandbox"]) for found in [*containers, *volumes]}
        return {sandbox_id: self._handle(sandbox_id) for sandbox_id in sorted(ids)}

    def close(self) -> None:
        """Close the connection to the engine."""
        self._engine.close()

    def _handle(self, sandbox_id: str) -> Handle:
        return {"backend": self.name, "id": sandbox_id, "container": config.container_name(sandbox_id)}

    def _existing(self, sandbox_id: str) -> dict[str, Any] | None:
        api = self._engine.api
        name = config.container_name(sandbox_id)
        with engine_errors("show a container"):
            try:
                found: dict[str, Any] = api.inspect_container(name)
            except docker.errors.NotFound:
                return None
        marks = found["Config"].get("Labels") or {}
        if (marks.get("bellhop.sandbox"), marks.get("bellhop.installation")) != (sandbox_id, self._installation):
            raise SandboxUnavailable(
                f"a container called {name} exists that is not ours: remove or rename it", reason="name_taken"
            )
        return found

    def _new(self, spec: SandboxSpec, image: Image) -> dict[str, Any]:
        api = self._engine.api
        marks = config.labels(self._installation, self.name, spec)
        wanted = fill.fills(self._facts(image), spec.uid, image.volumes)
        all_mounts = [
            *config.mounts(spec, image, self._workspace(spec, marks), _home(spec, marks), marks), *fill.mounts(wanted, spec.workspace.scratch / "fill"),
        ]
        host = self._build_host(spec, api.api_version, self._runtime, all_mounts)
        warnings: list[str] = []
        with engine_errors("create a container"):
            try:
                warnings = api.create_container(**config.container(spec, image, host, marks)).get("Warnings") or []
            except docker.errors.APIError as error:
                if error.status_code != 409:
                    raise
        discarded = [warning for warning in warnings if "discarded" in warning]
        if discarded:
            self.destroy(self._handle(spec.id))
            raise SandboxRefused(f"the engine cannot keep a limit: {'; '.join(discarded)}", reason="limit_discarded")
        found = self._existing(spec.id)
        if found is None:
            raise SandboxUnavailable("the container vanished as it was created", reason="engine_refused")
        return found

    def _facts(self, image: Image) -> fill.Facts:
        """Return what an image has; looked up once, because an id's content does not change."""
        if image.id not in self._looked_at:
            with image_files.opened(self._engine, image.id) as files:
                self._looked_at[image.id] = fill.look(files)
        return self._looked_at[image.id]

    def _workspace(self, spec: SandboxSpec, marks: dict[str, str]) -> Mount:
        # Where only an overlay will do, it is tried: one failure long ago may have been of that day.
        is_hopeless = self._overlay_impossible and not spec.workspace.needs_overlay
        options = None if is_hopeless else workspaces.overlay_options(spec.workspace)
        if options is None or (spec.workspace.scratch / "copy").is_dir():
            return Mount(places.WORKSPACE, str(workspaces.copy(spec.workspace)), type="bind")
        return config.overlay(places.WORKSPACE, config.workspace_volume_name(spec.id), options, marks)

    def _start(self, spec: SandboxSpec) -> None:
        api = self._engine.api
        name = config.container_name(spec.id)
        try:
            with engine_errors("start the sandbox"):
                api.start(name)
        except SandboxUnavailable as error:
            # A container that never started holds nobody's work; left there, it would look like a sandbox.
            self.destroy(self._handle(spec.id))
            if "failed to mount local volume" not in str(error):
                raise
            workspaces.refuse_copy(spec.workspace, str(error))
            if self._overlay_impossible:
                raise
            self._overlay_impossible = True
            self._new(spec, resolve(self._engine, spec.container.image))
            self._start(spec)

    def _removed(self, sandbox_id: str, container: str) -> bool:
        """Take one turn at removing everything; return whether nothing is left.

        The sandbox first: no service can join a network that is gone.
        """
        api = self._engine.api
        with engine_errors("remove a sandbox"):
            if not _gone(partial(api.remove_container, container, force=True, v=True)):
                return False
            ours = {"label": [f"bellhop.sandbox={sandbox_id}", f"bellhop.installation={self._installation}"]}
            for service in api.containers(all=True, filters=ours):
                if not _gone(partial(api.remove_container, service["Id"], force=True, v=True)):
                    return False
            for volume in api.volumes(filters=ours)["Volumes"] or []:
                if not _gone(partial(api.remove_volume, volume["Name"])):
                    return False
        return True


def _gone(remove: Callable[[], object]) -> bool:
    """Remove one thing; return whether it is gone, False while the engine is still about it (409)."""
    try:
        remove()
    except docker.errors.NotFound:
        return True
    except docker.errors.APIError as error:
        if error.status_code != 409:
            raise
        return False
    return True


def _home(spec: SandboxSpec, marks: dict[str, str]) -> Mount:
    options = workspaces.home_options(spec.workspace)
    if options is not None:
        return config.overlay(places.HOME, config.home_volume_name(spec.id), options, marks)
    if spec.workspace.layer is not None:
        workspaces.refuse_copy(spec.workspace)
    return Mount(places.HOME, str(spec.workspace.scratch / "home"), type="bind")


def open_docker(options: BackendOptions) -> DockerSandboxes:
    """Return the backend of level `container`: the host's kernel, runc."""
    return _open(options, "docker", "container", "runc")


def open_gvisor(options: BackendOptions) -> DockerSandboxes:
    """Return the backend of level `gvisor`: a kernel of its own, runsc."""
    return _open(options, "gvisor", "gvisor", "runsc")


def _open(options: BackendOptions, name: str, isolation: Isolation, runtime: str) -> DockerSandboxes:
    engine = Engine(options.docker_host, options.call_timeout_seconds)
    return DockerSandboxes(
        engine, name=name, isolation=isolation, runtime=runtime, installation=options.installation
    )
