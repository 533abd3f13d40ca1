"""The `options:` of a service: those of `docker create` that mean something here; pure.

https://docs.docker.com/reference/cli/docker/container/create/, for health checks
https://docs.docker.com/reference/dockerfile/#healthcheck
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Iterator
from typing import Any

from app.core.noun import Noun

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
# https://pkg.go.dev/time#ParseDuration
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_SIZE = re.compile(r"(\d+)([bkmg]?)", re.IGNORECASE)
_SIZE_BYTES = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_USER = re.compile(r"[A-Za-z0-9_.-]+(?::[A-Za-z0-9_.-]+)?")
_TAKEN = ("/", "/agent", "/dev", "/proc", "/sys", "/etc")
LEAST_MEMORY_MB = 16


class Health(Noun):
    """How a service is asked whether it is up; None is what its image says, else Docker's default.

    `command` is for a shell; `is_off`: the image's own check does not count.
    """

    command: str | None = None
    is_off: bool = False
    interval_seconds: float | None = None
    timeout_seconds: float | None = None
    start_period_seconds: float | None = None
    retries: int | None = None


class Options(Noun):
    """What `options:` asks for. `tmpfs` maps a path to its size in MB, None for the usual one."""

    health: Health = Health()
    tmpfs: dict[str, int | None] = {}
    user: str | None = None
    memory_mb: int = 1024
    shm_mb: int = 64
    cpus: float = 1.0
    entrypoint: str | None = None


def parse_options(text: str) -> Options:
    """Read `options:` as a shell would cut it. Raises ValueError with what is wrong, or what there is instead."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"cannot be cut into words: {error}") from error
    health: dict[str, Any] = {}
    found: dict[str, Any] = {}
    tmpfs: dict[str, int | None] = {}
    for name, value in _pairs(words):
        if name == "--tmpfs":
            path, size_mb = _tmpfs(value)
            tmpfs[path] = size_mb
        elif name == "--no-healthcheck":
            health["is_off"] = True
        elif name in _OF_HEALTH:
            member, read = _OF_HEALTH[name]
            health[member] = _read(read, name, value)
        else:
            member, read = _OF_CONTAINER[name]
            found[member] = _read(read, name, value)
    if health.get("is_off") and health.get("command"):
        raise ValueError("`--no-healthcheck` and `--health-cmd` contradict each other")
    return Options(health=Health(**health), tmpfs=tmpfs, **found)


def _pairs(words: list[str]) -> Iterator[tuple[str, str]]:
    waiting = list(words)
    while waiting:
        name, equals, value = waiting.pop(0).partition("=")
        name = _SHORT.get(name, name)
        if name not in NAMES:
            raise ValueError(f"`{name}` is not to be had here; there are {', '.join(NAMES)}")
        if name != "--no-healthcheck" and not equals:
            if not waiting:
                raise ValueError(f"`{name}` needs a value")
            value = waiting.pop(0)
        yield name, value


def _read(read: Callable[[str], Any], name: str, value: str) -> Any:
    try:
        return read(value)
    except ValueError as error:
        raise ValueError(f"`{name}` {error}") from error


def seconds_of(text: str) -> float | None:
    """Return a duration as Go writes it (`1m30s`, `500ms`); None for 0, which means the default. Raises ValueError."""
    parts = _PART.findall(text)
    if text != "0" and (not parts or "".join(number + unit for number, unit in parts) != text):
        raise ValueError(f"is {text!r}: it takes a duration such as 10s or 1m30s")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts) or None


def _megabytes(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"is {text!r}: it takes a size such as 512m or 1g")
    return int(match[1]) * _SIZE_BYTES[match[2].lower()] // 1024**2


def _memory(text: str) -> int:
    size_mb = _megabytes(text)
    if size_mb < LEAST_MEMORY_MB:
        raise ValueError(f"is {text!r}: it takes at least {LEAST_MEMORY_MB}m")
    return size_mb


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1000:
        raise ValueError(f"is {text!r}: it takes a number above 0")
    return value


def _retries(text: str) -> int | None:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise ValueError(f"is {text[:20]!r}: it takes a whole number below a million")
    return int(text) or None


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


def _user(text: str) -> str:
    if not _USER.fullmatch(text):
        raise ValueError(f"is {text!r}: it takes user or user:group, as names of the image or numbers")
    return text


def _tmpfs(text: str) -> tuple[str, int | None]:
    path, _, more = text.partition(":")
    if not path.startswith("/") or path.startswith("//") or posixpath.normpath(path) != path or any(character in path for character in ",:\\\"\0\n"):
        raise ValueError(f"`--tmpfs` is {text!r}: it takes an absolute path, and a size: /data:size=512m")
    if path in _TAKEN or path.startswith(tuple(f"{taken}/" for taken in _TAKEN[1:5])):
        raise ValueError(f"`--tmpfs` cannot be put over {path}")
    size_mb = None
    for option in filter(None, more.split(",")):
        name, _, value = option.partition("=")
        if name == "size":
            size_mb = max(1, _megabytes(value))
        elif option != "rw":
            raise ValueError(f"`--tmpfs` takes `size=` and nothing else, not {option!r}")
    return path, size_mb


_SHORT = {"-u": "--user", "-m": "--memory"}
_OF_HEALTH: dict[str, tuple[str, Callable[[str], Any]]] = {
    "--health-cmd": ("command", _said),
    "--health-interval": ("interval_seconds", seconds_of),
    "--health-timeout": ("timeout_seconds", seconds_of),
    "--health-start-period": ("start_period_seconds", seconds_of),
    "--health-retries": ("retries", _retries),
}
_OF_CONTAINER: dict[str, tuple[str, Callable[[str], Any]]] = {
    "--user": ("user", _user),
    "--memory": ("memory_mb", _memory),
    "--shm-size": ("shm_mb", _memory),
    "--cpus": ("cpus", _positive),
    "--entrypoint": ("entrypoint", _said),
}
NAMES = (*_OF_HEALTH, "--no-healthcheck", *_OF_CONTAINER, "--tmpfs")
