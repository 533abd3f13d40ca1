"""Services beside a sandbox, in the words of a GitHub Actions workflow; pure.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idservices
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field, StringConstraints

from app.core.assignment import LOOPBACK_PORT, PROXY_PORT
from app.core.isolation import Isolation
from app.core.sandbox.service_options import Health, Options, parse_options
from app.core.section import Section

ServiceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,30}$")]
MOST_SERVICES = 10
# How long the agent's turn is waited with, at most. What a health check may take is held below it.
SERVICES_SECONDS = 600.0
# Docker's own, where neither the profile nor the image says: https://docs.docker.com/reference/dockerfile/#healthcheck
INTERVAL_SECONDS, TIMEOUT_SECONDS, RETRIES = 30.0, 30.0, 3

Path = tuple[str | int, ...]


class ServiceContainer(Section):
    """One service: an image of this host, its own environment, the ports that it listens on, options of `docker create`.

    `entrypoint` and `command` take the place of the image's. Where it is reached is `localhost` or its name.
    """

    image: Annotated[str, Field(min_length=1)]
    env: dict[str, str] = {}
    ports: tuple[int | str, ...] = ()
    options: str = ""
    entrypoint: str | None = None
    command: str | None = None

    @property
    def listens_on(self) -> tuple[str, ...]:
        """Its ports as people read them."""
        return tuple(str(entry).partition("/")[0].rpartition(":")[2] for entry in self.ports)


def options_of(service: ServiceContainer) -> Options:
    """Return what its options ask for, `entrypoint:` among them. Raises ValueError."""
    options = parse_options(service.options)
    return options.model_copy(update={"entrypoint": service.entrypoint}) if service.entrypoint else options


def words_of(service: ServiceContainer) -> tuple[str, ...] | None:
    """Return `command:` cut into words, None where it says nothing. Raises ValueError."""
    return None if service.command is None else tuple(shlex.split(service.command))


def ports_of(service: ServiceContainer) -> tuple[int, ...]:
    """Return the ports that it listens on. Raises ValueError."""
    return tuple(_port(entry) for entry in service.ports)


def _port(entry: int | str) -> int:
    text, slash, protocol = str(entry).partition("/")
    if slash and protocol != "tcp":
        raise ValueError(f"{entry!r}: only a TCP port is looked at. Leave it out: every port of a service is reached as it is")
    outside, colon, inside = text.rpartition(":")
    if colon and outside != inside:
        raise ValueError(
            f"{entry!r} maps one port to another: there is one network and nothing to map, so name the port that the service listens on"
        )
    if not inside.isascii() or not inside.isdigit() or not 1 <= int(inside) <= 65_535:
        raise ValueError(f"{entry!r} is no port: it takes a number up to 65535")
    if int(inside) in (LOOPBACK_PORT, PROXY_PORT):
        raise ValueError(f"{inside} is taken by Bellhop itself in every sandbox (docs/door.md)")
    return int(inside)


def patience_seconds(health: Health) -> float:
    """Return how long a health check may fail before the service counts as broken."""
    interval = health.interval_seconds or INTERVAL_SECONDS
    return (health.start_period_seconds or 0) + (health.retries or RETRIES) * max(interval, health.timeout_seconds or TIMEOUT_SECONDS)


def service_faults(services: Mapping[str, ServiceContainer], image: str | None, isolation: Isolation) -> Iterator[tuple[Path, str]]:
    """Yield what fits the form and would never work: the key's way from the top of the profile, and what is wrong."""
    if not services:
        return
    if not image:
        yield ("services",), "run in Docker, beside a sandbox that is a container too: set `container: image:`"
    if isolation == "gvisor":
        yield ("services",), (
            "cannot be had under isolation gvisor, where each sandbox has a network of its own kernel that no other container "
            "can share: use isolation container, or leave them out"
        )
    if len(services) > MOST_SERVICES:
        yield ("services",), f"are {len(services)}, and {MOST_SERVICES} are the most"
    listening: dict[int, str] = {}
    for name, service in services.items():
        if name in ("localhost", "bellhop"):
            yield ("services", name), "is no name for a service: every sandbox has it for itself"
        yield from _faults_of_one(("services", name), service)
        for index, entry in enumerate(service.ports):
            try:
                port = _port(entry)
            except ValueError as error:
                yield ("services", name, "ports", index), str(error)
                continue
            if (other := listening.setdefault(port, name)) != name:
                yield ("services", name, "ports", index), f"{port} is the port of `{other}` too: they share one network"


def _faults_of_one(path: Path, service: ServiceContainer) -> Iterator[tuple[Path, str]]:
    texts = {"image": service.image, "options": service.options, "entrypoint": service.entrypoint, "command": service.command}
    for key, text in {**texts, **{f"env.{name}": value for name, value in service.env.items()}}.items():
        if "${{" in (text or ""):
            yield (*path, *key.split(".", 1)), "holds `${{`, and there are no expressions here: write what it stands for, which is never a secret"
    for name in service.env:
        if not name or "=" in name or "\0" in name:
            yield (*path, "env", name), "is no name of a variable"
    try:
        words_of(service)
    except ValueError as error:
        yield (*path, "command"), f"cannot be cut into words: {error}"
    try:
        options = options_of(service)
    except ValueError as error:
        yield (*path, "options"), str(error)
        return
    if (seconds := patience_seconds(options.health)) > SERVICES_SECONDS:
        yield (*path, "options"), (
            f"would have a run wait for {seconds:.0f} s until its health check has failed often enough; {SERVICES_SECONDS:.0f} s are the most"
        )


def says(name: str, service: ServiceContainer) -> str:
    """Return one line on a service, for people."""
    ports = f", port {', '.join(service.listens_on)}" if service.ports else ""
    env = f", env {' '.join(f'{key}={value}' for key, value in service.env.items())}" if service.env else ""
    options = f", {' '.join(service.options.split())}" if service.options.strip() else ""
    return f"{name}: {service.image}{ports}{env}{options}"
