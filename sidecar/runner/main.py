"""The runner's own life: claim the sandbox, work the assignment, say how it ended."""

from __future__ import annotations

import os
import signal
import sys

from .door import Door, DoorGone, DoorRefused, retried
from .ending import Ending, Happening, Happenings
from .forwarder import Forwarder
from .guard import protect
from .place import Place
from .syscalls import confine
from .work import Work


class Unconfined(Exception):
    """The kernel's filter is not in force, so nothing may be started."""


def main() -> int:
    """Run as the program of a sandbox and return its exit code."""
    return run(Place(environ=dict(os.environ)))


def run(place: Place) -> int:
    """Work one assignment at `place`; 0 when the door knows how it ended, 1 when it could not be told."""
    protect()
    happenings: Happenings = Happenings()
    for number in (signal.SIGTERM, signal.SIGINT):
        # SimpleQueue.put is the one thing here that a signal handler may call whatever it interrupts.
        signal.signal(number, lambda *_: happenings.put(Happening("cancel")))
    door = Door(place.door_socket)
    ending = Ending()
    try:
        retried(door.hello, place.connect_patience_seconds)
        _confined()
        assignment = retried(door.assignment, place.connect_patience_seconds)
        Forwarder((place.port, place.door_socket), (place.proxy_port, place.egress_socket)).start()
        Work(place, door, assignment, happenings).run(ending)
    except Unconfined as error:
        ending.say(str(error), "refused")
    except Exception as error:  # whatever breaks here, the host is told, and stderr
        complain(f"{type(error).__name__}: {error}")
        ending.say(f"the runner failed: {type(error).__name__}: {error}", "lost")
    return say_end(place, door, ending)


def _confined() -> None:
    try:
        confine()
    except OSError as error:
        raise Unconfined(f"nothing was started: {error.strerror or error}") from error


def say_end(place: Place, door: Door, ending: Ending) -> int:
    """Tell the door how it ended; return the runner's exit code."""
    if not door.claimed:
        return 1
    try:
        retried(lambda: door.end(ending.as_json()), place.door_patience_seconds)
    except (DoorGone, DoorRefused) as error:
        complain(f"could not say that it ended ({ending.reason}): {error}")
        return 1
    if ending.reason == "lost":
        complain("; ".join(ending.texts))
    return 0


def complain(text: str) -> None:
    """Write a line where the host's engine keeps the sandbox's own output."""
    sys.stderr.write(f"bellhop runner: {text}\n")
    sys.stderr.flush()
