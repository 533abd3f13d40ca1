"""One assignment from start to end: start the agent, watch it, stop it, collect what it made, say how it went."""

from __future__ import annotations

import os
import queue
import signal
import stat
import time
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from .door import Door, DoorGone, DoorRefused, retried
from .files import PathRefused, write_files
from .inbox import Inbox
from .place import Place
from .process import Agent, environment
from .result import Collector, Result, ResultFailed
from .transcript import Transcript

NOT_FOUND = 127
END_TEXT_LIMIT = 4000


class Happening(NamedTuple):
    """What the main thread waits for: the agent `exited` (detail: its code), `cancel` (why), or the door is `lost` (why)."""

    kind: Literal["exited", "cancel", "lost"]
    detail: Any = None


Happenings = queue.SimpleQueue[Happening]


@dataclass
class Ending:
    """What will be said at the end (SandboxEnd in app/core/assignment.py), filled in as it becomes known."""

    started_at: float = field(default_factory=time.monotonic)
    reason: str = "exited"
    exit_code: int | None = None
    has_bundle: bool = False
    head_commit: str | None = None
    texts: list[str] = field(default_factory=list)

    def say(self, text: str, reason: str | None = None) -> None:
        """Add a sentence, and change the reason if one is given."""
        self.texts.append(text)
        self.reason = reason or self.reason

    def as_json(self) -> dict[str, Any]:
        """Return it as the door takes it."""
        return {
            "reason": self.reason, "exit_code": self.exit_code, "has_bundle": self.has_bundle, "head_commit": self.head_commit,
            "duration_ms": int((time.monotonic() - self.started_at) * 1000), "text": "; ".join(self.texts)[:END_TEXT_LIMIT],
        }


class Work:
    """One assignment at one place."""

    def __init__(self, place: Place, door: Door, assignment: dict[str, Any], happenings: Happenings) -> None:
        self._place = place
        self._door = door
        self._assignment = assignment
        self._happenings = happenings
        self._transcript = Transcript(door, place.door_patience_seconds, lambda why: happenings.put(Happening("lost", why)))

    def run(self, ending: Ending) -> None:
        """Do it, noting in `ending` what happens. Raises nothing that the agent can cause."""
        ending.started_at = time.monotonic()
        self._transcript.start()
        try:
            write_files(self._place.home, self._assignment.get("files") or {})
        except (PathRefused, OSError) as error:
            ending.say(f"the assignment's files could not be written: {error}", "refused")
            return
        agent = self._start_agent(ending)
        if agent is not None:
            self._see_through(agent, ending)
        if self._assignment.get("base_commit") and ending.reason != "lost":
            self._collect(ending)
        if not self._transcript.close(self._place.door_patience_seconds):
            ending.say("the end of the transcript could not be handed over", "lost")

    def _start_agent(self, ending: Ending) -> Agent | None:
        argv = [str(part) for part in self._assignment["argv"]]
        env = environment(self._place.environ, self._assignment.get("env") or {}, self._place.home, self._place.tools)
        try:
            return Agent(
                argv, env=env, cwd=self._place.workspace, wants_input=bool(self._assignment.get("wants_messages")),
                on_exit=lambda code: self._happenings.put(Happening("exited", code)),
            )
        except (OSError, ValueError) as error:
            ending.exit_code = NOT_FOUND
            ending.say(f"`{argv[0]}` could not be started: {error}")
            self._transcript.remark(ending.texts[-1])
            return None

    def _see_through(self, agent: Agent, ending: Ending) -> None:
        for stream, pipe in agent.output.items():
            self._transcript.follow(stream, pipe)
        inbox = Inbox(
            self._door, self._place.poll_seconds, on_cancel=lambda why: self._happenings.put(Happening("cancel", why)),
            on_lost=lambda why: self._happenings.put(Happening("lost", why)), remark=self._transcript.remark,
        )
        inbox.start(agent.stdin)
        try:
            self._watch(ending)
            if ending.exit_code is None:
                self._transcript.remark(ending.texts[-1])
                self._stop(agent, ending)
        finally:
            inbox.stop()
            cleared = agent.clear(self._place.grace_seconds)
        if not cleared:
            ending.say("some of its processes could not be killed")
        self._transcript.read_out(self._place.door_patience_seconds if cleared else 1.0)

    def _watch(self, ending: Ending) -> None:
        """Wait until the agent ends or there is a reason to stop it."""
        timeout_seconds = float(self._assignment["timeout_seconds"])
        idle_seconds = float(self._assignment["idle_timeout_seconds"])
        while True:
            left = ending.started_at + timeout_seconds - time.monotonic()
            idle_left = idle_seconds - self._transcript.quiet_seconds()
            if left <= 0:
                ending.say(f"stopped: it had worked for {timeout_seconds:g} seconds, its limit", "timeout")
                return
            if idle_left <= 0:
                ending.say(f"stopped: it had printed nothing for {idle_seconds:g} seconds", "idle")
                return
            try:
                happening = self._happenings.get(timeout=min(left, idle_left))
            except queue.Empty:
                continue
            if happening.kind == "exited":
                ending.exit_code = happening.detail
            elif happening.kind == "cancel" and happening.detail == "budget":
                ending.say("stopped: the run's budget is used up", "budget")
            elif happening.kind == "cancel":
                ending.say("stopped: it was cancelled", "cancelled")
            else:
                ending.say(str(happening.detail), "lost")
            return

    def _stop(self, agent: Agent, ending: Ending) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            agent.signal(number)
            deadline = time.monotonic() + self._place.grace_seconds
            while (left := deadline - time.monotonic()) > 0:
                try:
                    happening = self._happenings.get(timeout=left)
                except queue.Empty:
                    break
                if happening.kind == "exited":
                    ending.exit_code = happening.detail
                    return

    def _collect(self, ending: Ending) -> None:
        place = self._place
        collector = Collector(place.workspace, place.home, place.tools, place.environ, place.git_seconds)
        try:
            result = collector.collect(str(self._assignment["base_commit"]))
            ending.head_commit = result.head_commit
            if result.left_out:
                ending.say(f"some files could not be taken into the result: {result.left_out}")
            self._send(result, ending)
        except (ResultFailed, DoorGone, OSError) as error:
            ending.say(f"the result could not be collected: {error}", "lost")
        except DoorRefused as error:
            ending.say(f"the result was not taken: {error}", "refused")

    def _send(self, result: Result, ending: Ending) -> None:
        if result.bundle is None:
            return
        limit = int(self._assignment["bundle_limit_bytes"])
        try:
            if result.size_bytes > limit:
                ending.say(f"the result is {result.size_bytes} bytes, over the limit of {limit}: it was not taken", "refused")
                return
            retried(lambda: self._send_file(result), self._place.door_patience_seconds)
            ending.has_bundle = True
        finally:
            result.bundle.unlink()

    def _send_file(self, result: Result) -> None:
        if result.bundle is not None:
            # Something that git ran for the agent's settings may have put a pipe in its place: that must not be waited for.
            with os.fdopen(os.open(result.bundle, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise ResultFailed("the bundle is no plain file any more")
                self._door.bundle(file, result.size_bytes)
