"""What an image says of how it is run, and what its files say of who runs it: for services, whose image decides that."""

from __future__ import annotations

from typing import Any, NamedTuple

import docker.errors

from app.core.sandbox.service_options import Health
from app.core.sandbox.services import INTERVAL_SECONDS, RETRIES, TIMEOUT_SECONDS
from app.errors import SandboxUnavailable
from app.execute.sandboxes.docker.engine import Engine, engine_errors
from app.execute.sandboxes.docker.image import resolve
from app.execute.sandboxes.docker.image_files import Directory, ImageFiles, opened

ACCOUNTS_BYTES = 1024 * 1024
# What a system's programs write to beside their own places; links are followed, as /var/run is one nearly everywhere.
RUN_PLACES = ("/run", "/var/run")
MOST_DIRECTORIES = 200
NANOSECONDS = 1e-9


class ServiceImage(NamedTuple):
    """An image as it would run by itself; `health` is its HEALTHCHECK, empty where it has none."""

    id: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    env: dict[str, str]
    user: str
    working_dir: str
    volumes: tuple[str, ...]
    health: dict[str, Any]


class Look(NamedTuple):
    """What its files say: the accounts, where /run really is with what is in it, and whose each volume is."""

    passwd: str
    group: str
    run: dict[str, tuple[Directory, ...]]
    volumes: dict[str, Directory | None]


class Account(NamedTuple):
    """Who a service starts as."""

    uid: int
    gid: int
    home: str


def service_image(engine: Engine, name: str) -> ServiceImage:
    """Return the image of that name on this host. Raises SandboxUnavailable, with how to get one that is missing."""
    image_id = resolve(engine, name).id
    with engine_errors(f"look up the image `{name}`"):
        try:
            config: dict[str, Any] = engine.api.inspect_image(image_id).get("Config") or {}  # type: ignore[no-untyped-call]  # docker-py has no types there
        except docker.errors.NotFound as error:
            raise SandboxUnavailable(f"the image `{name}` was removed meanwhile", reason="image_missing") from error
    return ServiceImage(
        id=image_id, entrypoint=tuple(config.get("Entrypoint") or ()), command=tuple(config.get("Cmd") or ()),
        env=dict(entry.partition("=")[::2] for entry in config.get("Env") or ()), user=str(config.get("User") or ""),
        working_dir=str(config.get("WorkingDir") or "/"), volumes=tuple(sorted(path.rstrip("/") or "/" for path in config.get("Volumes") or ())),
        health=config.get("Healthcheck") or {},
    )


def look(engine: Engine, image: ServiceImage) -> Look:
    """Read the image's files; nothing of it is run. Raises SandboxUnavailable."""
    with opened(engine, image.id) as files:
        run = {}
        for path in RUN_PLACES:
            found = files.followed(path)
            if found is None or found[1].kind == "directory":
                place = found[0] if found is not None else path
                # A /var/run that is not there is not missed.
                if found is not None or path == RUN_PLACES[0]:
                    run[place] = tuple(files.directories(place, MOST_DIRECTORIES)[1:])
        volumes = {path: next(iter(files.directories(path, 1)), None) for path in image.volumes}
        return Look(passwd=_text(files, "/etc/passwd"), group=_text(files, "/etc/group"), run=run, volumes=volumes)


def _text(files: ImageFiles, path: str) -> str:
    return (files.read(path, ACCOUNTS_BYTES) or b"").decode(errors="replace")


def account(user: str, passwd: str, group: str) -> Account:
    """Return who `user` (a name or number, perhaps with a group; empty: root) is in an image. Raises ValueError."""
    name, colon, group_name = user.partition(":")
    lines = [line.split(":") for line in passwd.splitlines() if line.count(":") >= 6]
    entry = next((line for line in lines if name in (line[0], line[2])), None) if name else next((line for line in lines if line[2] == "0"), None)
    if entry is None and not name.isdigit() and name:
        raise ValueError(f"has no user `{name}`")
    uid = int(entry[2] if entry else name or 0)
    gid = int(entry[3]) if entry and entry[3].isdigit() else 0
    if colon:
        groups = [line.split(":") for line in group.splitlines() if line.count(":") >= 2]
        found = next((line[2] for line in groups if group_name in (line[0], line[2])), group_name)
        if not found.isdigit():
            raise ValueError(f"has no group `{group_name}`")
        gid = int(found)
    return Account(uid, gid, entry[5] if entry and entry[5] else "/")


def check_of(wanted: Health, image: dict[str, Any]) -> dict[str, Any] | None:
    """Return the health check, the profile's words over the image's, as a service's supervisor takes it; None where there is none.

    https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Image/operation/ImageInspect
    """
    test = list(image.get("Test") or [])
    if wanted.is_off or (wanted.command is None and (not test or test[0] == "NONE")):
        return None
    shell = wanted.command or (test[1] if test[0] == "CMD-SHELL" else "")
    return {
        "argv": [] if shell else test[1:], "shell": shell, "retries": wanted.retries or image.get("Retries") or RETRIES,
        "interval_seconds": wanted.interval_seconds or _seconds(image, "Interval") or INTERVAL_SECONDS,
        "timeout_seconds": wanted.timeout_seconds or _seconds(image, "Timeout") or TIMEOUT_SECONDS,
        "start_period_seconds": wanted.start_period_seconds or _seconds(image, "StartPeriod"),
    }


def _seconds(image: dict[str, Any], name: str) -> float:
    return float(image.get(name) or 0) * NANOSECONDS
