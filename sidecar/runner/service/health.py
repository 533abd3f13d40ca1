"""Whether a service is up: by its health check and its ports, by either, or by having been started.

As Docker counts (https://docs.docker.com/reference/dockerfile/#healthcheck). Where its ports are known it is asked at once and each
second, so that nobody waits for an interval to pass; a failure counts no more often than once in an interval. Where they are
not, it is asked as Docker would: a database that sets itself up answers its own check before anybody else can reach it.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .children import Children
from .order import Check, Order

EACH_SECONDS = 1.0
PORT_SECONDS = 1.0
SHELLS = ("/bin/sh", "/agent/bin/sh")
OUTPUT_BYTES = 400


class Probed(NamedTuple):
    """What one look found: whether it is up, and in words what is not."""

    is_up: bool
    text: str = ""


class Patience:
    """Decides when failures are enough; pure but for the times it is given."""

    def __init__(self, check: Check, started_at: float) -> None:
        self._check = check
        self._from = started_at + check.start_period_seconds
        self._counted_at = self._from
        self._failures = 0

    def is_over(self, now: float) -> bool:
        """Note a failure at `now` and return whether it was the last that is borne."""
        if now - self._counted_at >= self._check.interval_seconds:
            self._failures += 1
            self._counted_at = now
        return self._failures >= self._check.retries


def watch(order: Order, children: Children, is_alive: Callable[[], bool], pause: Callable[[float], None] = time.sleep) -> str:
    """Look until the service is up or has failed for good; return why it has, or nothing. Ends when it is not alive any more."""
    started_at = time.monotonic()
    patience = Patience(order.check, started_at) if order.check is not None else None
    each_seconds = EACH_SECONDS / 5
    if order.check is not None:
        each_seconds = min(EACH_SECONDS, order.check.interval_seconds) if order.ports else order.check.interval_seconds
        if not order.ports:
            pause(each_seconds)
    while is_alive():
        found = probe(order.check, order, children) if order.check is not None else Probed(is_up=True)
        if found.is_up:
            found = listening(order.ports)
        if found.is_up:
            return ""
        now = time.monotonic()
        if patience is not None and patience.is_over(now):
            return f"its health check failed {order.check.retries if order.check else 0} times; the last time {found.text}"
        if patience is None and now - started_at > order.port_patience_seconds:
            return f"{found.text} within {order.port_patience_seconds:g} s"
        pause(each_seconds)
    return ""


def listening(ports: Sequence[int]) -> Probed:
    """Return whether something listens on each port of this network's loopback."""
    for port in ports:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=PORT_SECONDS).close()
        except OSError:
            return Probed(is_up=False, text=f"nothing listened on port {port} of 127.0.0.1")
    return Probed(is_up=True)


def probe(check: Check, order: Order, children: Children) -> Probed:
    """Run the health check once. Its exit code 0 means up, every other one that it is not."""
    shell = next((shell for shell in SHELLS if os.access(shell, os.X_OK)), SHELLS[-1])
    argv = check.argv or (shell, "-c", check.shell)
    with os.fdopen(os.memfd_create("health"), "w+b") as output:
        try:
            running = children.start(argv, env=order.env, cwd=order.cwd, output=output)
        except (OSError, ValueError) as error:
            return Probed(is_up=False, text=f"it could not be run: {error}")
        code = children.wait(running, check.timeout_seconds)
        if code is None:
            children.kill(running)
            children.forget(running)
            return Probed(is_up=False, text=f"it took more than {check.timeout_seconds:g} s")
        output.seek(0)
        said = " ".join(output.read(OUTPUT_BYTES).decode(errors="replace").split())
    return Probed(is_up=code == 0, text=f"it ended with exit code {code}" + (f": {said}" if said else ""))
