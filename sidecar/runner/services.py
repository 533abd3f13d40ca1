"""Waiting for the services of a sandbox, before anything of the assignment is done.

Until then nothing runs in its network namespace but this and the images of the profile, so what is said there is believed.
Afterwards it is not: nobody asks any more.
"""

from __future__ import annotations

import json
import queue
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from .door import Door
from .ending import Ending, Happening, Happenings
from .inbox import Inbox
from .letters import Letter
from .place import Place

LOOK_SECONDS = 0.1
ASK_SECONDS = 2.0
# A call that is still held open when the agent begins could be told what is for the agent.
POLL_SECONDS = 1.0
ANSWER_BYTES = 64 * 1024


class _Later:
    """Leaves every letter to whoever asks after it: none is confirmed."""

    def receive(self, letters: Sequence[Letter]) -> None:
        """Let them be."""

    def confirmed(self, seen: int) -> int:
        """Return that none was handed over."""
        del seen
        return 0


class Services:
    """The services of one assignment."""

    def __init__(
        self, place: Place, door: Door, assignment: dict[str, Any], happenings: Happenings, remark: Callable[[str], None]
    ) -> None:
        self.names = [str(name) for name in assignment.get("services") or []]
        self._limit_seconds = float(assignment.get("services_timeout_seconds") or 0)
        self._place = place
        self._door = door
        self._happenings = happenings
        self._remark = remark

    def wait(self, ending: Ending) -> bool:
        """Wait until all are up; False where one is not to be had or somebody says stop, which `ending` then tells."""
        inbox = Inbox(
            self._door, min(POLL_SECONDS, self._place.poll_seconds), _Later(), on_cancel=lambda why: self._happenings.put(Happening("cancel", why)),
            on_lost=lambda why: self._happenings.put(Happening("lost", why)),
        )
        inbox.start()
        try:
            return self._wait(ending)
        finally:
            inbox.stop()

    def _wait(self, ending: Ending) -> bool:
        began = time.monotonic()
        seen: set[str] = set()
        self._remark(f"waiting for services: {', '.join(self.names)}")
        while True:
            found = {name: ask(self._place.services + name) for name in self.names}
            waited = time.monotonic() - began
            for name, said in found.items():
                if why := self._trouble(said, was_seen=name in seen, waited=waited):
                    self._give_up(ending, name, why, said)
                    return False
            seen |= {name for name, said in found.items() if said is not None}
            if all(said is not None and said.get("state") == "healthy" for said in found.values()):
                self._remark(f"services are up after {waited:.1f} s: {', '.join(self.names)}")
                return True
            try:
                happening = self._happenings.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                continue
            if ending.stop_for(happening):
                self._remark(ending.texts[-1])
                return False

    def _trouble(self, said: dict[str, Any] | None, *, was_seen: bool, waited: float) -> str:
        """Return why a service is not to be had any more, or nothing."""
        if said is None and was_seen:
            return "is gone: its container ended"
        if said is None and waited > min(self._place.services_appear_seconds, self._limit_seconds):
            return f"was not started within {waited:.0f} s"
        if said is not None and said.get("state") == "failed":
            return _plain(str(said.get("text")))
        return f"was not up after {waited:.0f} s" if waited > self._limit_seconds else ""

    def _give_up(self, ending: Ending, name: str, why: str, said: dict[str, Any] | None) -> None:
        given = (said or {}).get("lines")
        lines = [_plain(line) for line in given if isinstance(line, str) and line.strip()] if isinstance(given, list) else []
        for line in lines:
            self._remark(f"{name}: {line}")
        last = f". It said last: {' | '.join(line.strip() for line in lines[-5:])}" if lines else ""
        ending.say(f"the service `{name}` {why}{last}", "service")
        self._remark(f"the service {name} {why}")


def ask(address: str) -> dict[str, Any] | None:
    """Return what a service's supervisor says, None where nobody is there; an answer that is none is one that says nothing yet."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ASK_SECONDS)
        try:
            connection.connect(address)
        except (ConnectionRefusedError, FileNotFoundError):
            return None
        except OSError:
            return {}
        raw, until = b"", time.monotonic() + ASK_SECONDS
        try:
            while len(raw) < ANSWER_BYTES and time.monotonic() < until and (chunk := connection.recv(ANSWER_BYTES)):
                raw += chunk
            answer = json.loads(raw)
        except (OSError, ValueError, RecursionError):
            return {}
    return answer if isinstance(answer, dict) else {}


def _plain(text: str) -> str:
    """Return it as it can be handed on: JSON may hold halves of characters."""
    return text.encode("utf-8", "replace").decode()
