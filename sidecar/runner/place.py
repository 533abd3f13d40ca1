"""Where the runner finds things, and how long it waits for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Place:
    """The sandbox as the runner sees it; the program in a sandbox uses exactly the defaults.

    `environ` is the image's own environment. Nothing here is read from it: an image must not be able to
    steer its runner. Times are seconds.
    """

    door_socket: str = "/gateway/door.sock"
    egress_socket: str = "/gateway/egress.sock"
    services: str = "\0bellhop/service/"
    workspace: str = "/workspace"
    home: str = "/home/bellhop"
    tools: str = "/agent/bin"
    port: int = 4117
    proxy_port: int = 4118
    environ: Mapping[str, str] = field(default_factory=dict)
    connect_patience_seconds: float = 30.0
    door_patience_seconds: float = 120.0
    grace_seconds: float = 5.0
    interrupt_seconds: float = 1.5  # less than the gateway keeps a model's answer back for it (runner_mail.py)
    git_seconds: float = 100.0
    tidy_seconds: float = 600.0  # each file of the checkout is read, which takes time under gVisor
    poll_seconds: float = 25.0
    services_appear_seconds: float = 180.0
