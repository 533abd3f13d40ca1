"""From a SandboxSpec to the container Docker is asked for; pure.

Every option is spelled out, so that neither the image nor the engine's defaults decide:
https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerCreate
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from docker.types import DriverConfig, HostConfig, LogConfig, Mount, Ulimit

from app.execute.sandboxes import places
from app.execute.sandboxes.docker.image import Image
from app.ports import SandboxSpec

LOG_BYTES = 10 * 1024 * 1024
LOG_FILES = 2
# The ptrace platform of gVisor spends up to nine host tasks on one task of the sandbox, and the kernel itself
# (a Go program) dies when it may not start a thread.
GVISOR_TASKS_PER_PROCESS = 10
GVISOR_OWN_TASKS = 256


def container_name(sandbox_id: str) -> str:
    """Return the name of a sandbox's container."""
    return f"bellhop-{sandbox_id}"


def workspace_volume_name(sandbox_id: str) -> str:
    """Return the name of the volume that is a sandbox's overlay."""
    return f"bellhop-{sandbox_id}-workspace"


def home_volume_name(sandbox_id: str) -> str:
    """Return the name of the volume that is a sandbox's HOME over a layer's."""
    return f"bellhop-{sandbox_id}-home"


def labels(installation: str, backend: str, spec: SandboxSpec) -> dict[str, str]:
    """Return the labels of everything that belongs to one sandbox."""
    return {
        "bellhop": "sandbox",
        "bellhop.installation": installation,
        "bellhop.backend": backend,
        "bellhop.sandbox": spec.id,
        "bellhop.run": spec.run_id,
    }


def environment(spec: SandboxSpec, image: Image) -> dict[str, str | None]:
    """Return the environment; None takes a variable out that the image or Docker would put in.

    Of the image's own only PATH stays: what runs first in the sandbox is named by its absolute path.
    """
    ours = places.environment(({"PATH": image.path} if image.path else {}) | spec.env)
    return {**dict.fromkeys((*image.env, "HOSTNAME")), **ours}


def overlay(target: str, name: str, options: str, volume_labels: dict[str, str]) -> Mount:
    """Return an overlay as a volume that the engine mounts and unmounts with the container."""
    driver = DriverConfig("local", {"type": "overlay", "device": "overlay", "o": options})
    return Mount(target, name, type="volume", no_copy=True, labels=volume_labels, driver_config=driver)


def mounts(spec: SandboxSpec, image: Image, workspace: Mount, home: Mount, volume_labels: dict[str, str]) -> list[Mount]:
    """Return the golden list of mounts; the image's own volumes are shown read-only, from named volumes of ours."""
    shown = {places.AGENT: spec.tooling} | {places.part(name): tree for name, tree in sorted(spec.parts.items())}
    ours = [
        *(tooling_mount(target, tree) for target, tree in shown.items()),
        Mount(places.GATEWAY, str(spec.door), type="bind", read_only=True),
        workspace,
        home,
    ]
    taken = {*shown, places.GATEWAY, places.WORKSPACE, places.HOME, places.TMP}
    hidden = [
        Mount(path, f"{container_name(spec.id)}-image-{number}", type="volume", read_only=True, labels=volume_labels)
        for number, path in enumerate(image.volumes)
        if path.rstrip("/") not in taken
    ]
    return ours + hidden


def tooling_mount(target: str, tree: str) -> Mount:
    """Return how a tree of ours is shown: a host path, or a volume's name."""
    if tree.startswith("/"):
        return Mount(target, tree, type="bind", read_only=True)
    return Mount(target, tree, type="volume", read_only=True, no_copy=True)


def host_config(spec: SandboxSpec, api_version: str, runtime: str, all_mounts: list[Mount]) -> HostConfig:
    """Return the limits and seals of a sandbox's container."""
    box = spec.container
    memory_bytes = box.memory_mb * 1024 * 1024
    pids = box.pids if runtime != "runsc" else box.pids * GVISOR_TASKS_PER_PROCESS + GVISOR_OWN_TASKS
    return HostConfig(
        version=api_version,
        runtime=runtime,
        network_mode="none",
        # The containers that join this one share its name and its file of hosts; some servers look their own name up.
        extra_hosts=dict.fromkeys((*spec.services, places.HOSTNAME), "127.0.0.1") if spec.services else None,
        # The engine copies the host's resolv.conf into every container, names of internal resolvers and all.
        dns=["127.0.0.1"],
        dns_search=["."],
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        ipc_mode="private",
        init=False,
        restart_policy={"Name": "no", "MaximumRetryCount": 0},
        pids_limit=pids,
        mem_limit=memory_bytes,
        memswap_limit=memory_bytes,
        nano_cpus=int(box.cpus * 1_000_000_000),
        shm_size=places.SHM_BYTES,
        ulimits=[
            Ulimit(name="core", soft=0, hard=0),
            Ulimit(name="fsize", soft=box.disk_mb * 1024 * 1024, hard=box.disk_mb * 1024 * 1024),
            Ulimit(name="nofile", soft=places.OPEN_FILES, hard=places.OPEN_FILES),
        ],
        tmpfs={places.TMP: f"size={box.tmp_mb}m,mode=1777,nosuid,nodev,exec"},
        log_config=LogConfig(
            type=LogConfig.types.JSON, config={"max-size": str(LOG_BYTES), "max-file": str(LOG_FILES)}
        ),
        mounts=all_mounts,
    )


BuildHost = Callable[[SandboxSpec, str, str, list[Mount]], HostConfig]


def container(
    spec: SandboxSpec, image: Image, host: HostConfig, container_labels: dict[str, str]
) -> dict[str, Any]:
    """Return the arguments of docker-py's `create_container`."""
    return {
        "image": image.id,
        "name": container_name(spec.id),
        "entrypoint": [spec.argv[0]],
        "command": list(spec.argv[1:]),
        "user": f"{spec.uid}:{spec.uid}",
        "working_dir": places.WORKSPACE,
        "hostname": places.HOSTNAME,
        "environment": environment(spec, image),
        "labels": container_labels,
        "healthcheck": {"test": ["NONE"]},
        "stop_signal": "SIGTERM",
        "detach": True,
        "host_config": host,
        # Otherwise docker-py adds the proxies of the worker's own ~/.docker/config.json to the environment.
        "use_config_proxy": False,
    }
