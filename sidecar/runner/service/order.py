"""What a service's supervisor is told: the whole of it in one argument, nothing of it in the environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Check(NamedTuple):
    """A health check as Docker has it; `argv`, or `shell` for a shell to read. Times are seconds."""

    argv: tuple[str, ...]
    shell: str
    interval_seconds: float
    timeout_seconds: float
    start_period_seconds: float
    retries: int


class Directory(NamedTuple):
    """A directory that the image has in a place that begins empty here."""

    path: str
    mode: int
    uid: int
    gid: int


@dataclass(frozen=True)
class Order:
    """One service: its program with its whole environment, and how to know that it is up.

    `socket` is an abstract unix socket's name, without the leading NUL: such names belong to the network namespace.
    """

    socket: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    ports: tuple[int, ...]
    port_patience_seconds: float
    check: Check | None
    directories: tuple[Directory, ...]

    @classmethod
    def read(cls, text: str) -> Order:
        """Read the argument."""
        given = json.loads(text)
        check = given["check"]
        return cls(
            socket=given["socket"], argv=tuple(given["argv"]), env=given["env"], cwd=given["cwd"], ports=tuple(given["ports"]),
            port_patience_seconds=given["port_patience_seconds"],
            check=None if check is None else Check(**(check | {"argv": tuple(check["argv"])})),
            directories=tuple(Directory(*each) for each in given["directories"]),
        )
