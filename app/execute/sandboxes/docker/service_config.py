"""From a service of a SandboxSpec to the container Docker is asked for; pure.

Sealed as the sandbox beside it, whose network namespace it joins, except where images of databases need more: it runs as
the image's own user, and where that is root it has the capabilities to hand its files over and become somebody else.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from docker.types import DriverConfig, HostConfig, LogConfig, Mount, Ulimit

from app.core.sandbox.service_options import Options
from app.core.sandbox.services import ServiceContainer, options_of, ports_of, words_of
from app.execute.sandboxes import places
from app.execute.sandboxes.docker import config
from app.execute.sandboxes.docker.service_image import Account, Look, ServiceImage, account, check_of
from app.execute.tooling.layout import SERVICE_ARGV
from app.ports import SandboxSpec

PIDS = 512
LOG_BYTES, LOG_FILES = 1024 * 1024, 2
SMALL_MB = 64
PORT_PATIENCE_SECONDS = 120.0
# Of a service that starts as root: to own, enter and mode its files, to become its own user, and to give these away for
# good, on which the entrypoint of Redis's own image insists. Not one more.
ROOT_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETPCAP", "SETUID")
# An abstract unix socket's name, without the NUL; the runner asks there (sidecar/runner/place.py).
SOCKET = "bellhop/service/{name}"


class Place(NamedTuple):
    """A directory that can be written, in memory, empty at first. `is_volume`: the image would make a volume there."""

    path: str
    size_mb: int
    mode: int
    uid: int
    gid: int
    is_volume: bool

    @property
    def mount_options(self) -> str:
        """Return them as mount(8) takes them."""
        return f"size={self.size_mb}m,mode={self.mode:o},uid={self.uid},gid={self.gid},nosuid,nodev"


class Plan(NamedTuple):
    """One service, ready to be made: everything that its image and its profile decide."""

    name: str
    image: ServiceImage
    options: Options
    account: Account
    places: tuple[Place, ...]
    order: dict[str, Any]


def container_name(sandbox_id: str, service: str) -> str:
    """Return the name of a service's container."""
    return f"{config.container_name(sandbox_id)}-service-{service}"


def plan(name: str, service: ServiceContainer, image: ServiceImage, look: Look) -> Plan:
    """Decide on one service. Raises ValueError with what its image or profile lacks."""
    options = options_of(service)
    who = account(options.user or image.user, look.passwd, look.group)
    command = words_of(service)
    if options.entrypoint:
        argv = [options.entrypoint, *(command or ())]
    else:
        argv = [*image.entrypoint, *(image.command if command is None else command)]
    if not argv:
        raise ValueError("names no program: set `entrypoint:` or `command:`")
    env = {"PATH": places.DEFAULT_PATH, "HOME": who.home} | image.env | service.env
    order = {
        "socket": SOCKET.format(name=name), "argv": argv, "env": env, "cwd": image.working_dir or "/", "ports": list(ports_of(service)),
        "port_patience_seconds": PORT_PATIENCE_SECONDS, "check": check_of(options.health, image.health),
        "directories": [list(each) for directories in look.run.values() for each in directories],
    }
    return Plan(name, image, options, who, _places(options, image, look, who), order)


def _places(options: Options, image: ServiceImage, look: Look, who: Account) -> tuple[Place, ...]:
    half_mb = max(options.memory_mb // 2, 1)
    found = {path: Place(path, SMALL_MB, 0o1777, 0, 0, is_volume=False) for path in (places.TMP, *look.run)}
    for path in image.volumes:
        owned = look.volumes.get(path)
        mode, uid, gid = (owned.mode, owned.uid, owned.gid) if owned is not None else (0o1777, who.uid, who.gid)
        found[path] = Place(path, half_mb, mode, uid, gid, is_volume=True)
    for path, size_mb in options.tmpfs.items():
        found[path] = Place(path, size_mb or half_mb, 0o1777, who.uid, who.gid, is_volume=path in image.volumes)
    return tuple(found[path] for path in sorted(found))


def container(plan: Plan, spec: SandboxSpec, api_version: str, labels: dict[str, str]) -> dict[str, Any]:
    """Return the arguments of docker-py's `create_container`."""
    return {
        "image": plan.image.id,
        "name": container_name(spec.id, plan.name),
        "entrypoint": [SERVICE_ARGV[0]],
        "command": [*SERVICE_ARGV[1:], json.dumps(plan.order)],
        "user": f"{plan.account.uid}:{plan.account.gid}",
        "working_dir": "/",
        # The image's variables are the service's: here they would reach its supervisor.
        "environment": {**dict.fromkeys((*plan.image.env, "HOSTNAME")), "PATH": places.DEFAULT_PATH},
        "labels": labels,
        "healthcheck": {"test": ["NONE"]},
        "stop_signal": "SIGTERM",
        "detach": True,
        "host_config": host_config(plan, spec, api_version, labels),
        "use_config_proxy": False,
    }


def host_config(plan: Plan, spec: SandboxSpec, api_version: str, labels: dict[str, str]) -> HostConfig:
    """Return the limits and seals of a service's container."""
    memory_bytes = plan.options.memory_mb * 1024 * 1024
    return HostConfig(
        version=api_version,
        runtime="runc",
        network_mode=f"container:{config.container_name(spec.id)}",
        read_only=True,
        cap_drop=["ALL"],
        cap_add=list(ROOT_CAPABILITIES) if plan.account.uid == 0 else None,
        security_opt=["no-new-privileges:true"],
        ipc_mode="private",
        init=False,
        restart_policy={"Name": "no", "MaximumRetryCount": 0},
        pids_limit=PIDS,
        mem_limit=memory_bytes,
        memswap_limit=memory_bytes,
        nano_cpus=int(plan.options.cpus * 1_000_000_000),
        shm_size=plan.options.shm_mb * 1024 * 1024,
        ulimits=[
            Ulimit(name="core", soft=0, hard=0),
            Ulimit(name="nofile", soft=places.OPEN_FILES, hard=places.OPEN_FILES),
        ],
        # As a volume has it; Docker's own word for these would be noexec.
        tmpfs={place.path: f"{place.mount_options},exec" for place in plan.places if not place.is_volume},
        log_config=LogConfig(
            type=LogConfig.types.JSON, config={"max-size": str(LOG_BYTES), "max-file": str(LOG_FILES)}
        ),
        mounts=[config.tooling_mount(places.AGENT, spec.tooling), *(_volume(plan, spec, place, labels) for place in plan.places if place.is_volume)],
    )


def _volume(plan: Plan, spec: SandboxSpec, place: Place, labels: dict[str, str]) -> Mount:
    """Return a volume in memory over one of the image's, which would otherwise be a directory of the host's without bounds."""
    number = sorted(plan.image.volumes).index(place.path)
    driver = DriverConfig("local", {"type": "tmpfs", "device": "tmpfs", "o": place.mount_options})
    return Mount(
        place.path, f"{container_name(spec.id, plan.name)}-{number}", type="volume", no_copy=True, labels=labels, driver_config=driver,
    )
