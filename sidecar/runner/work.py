"""One assignment from start to end: its files, the agent's turns, what it made."""

from __future__ import annotations

import os
import stat
import time
from base64 import b64decode
from typing import Any

from .door import Door, DoorGone, DoorRefused, retried
from .ending import Ending, Happening, Happenings
from .files import PathRefused, write_files
from .git import Git, GitFailed
from .layer import LayerFailed, LayerMaker
from .place import Place
from .result import Collector, Result, ResultFailed
from .services import Services
from .tidying import tidy
from .transcript import Transcript
from .turns import Turns


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
        services = Services(self._place, self._door, self._assignment, self._happenings, self._transcript.remark)
        if services.names:
            if not services.wait(ending):
                self._transcript.close(self._place.door_patience_seconds)
                return
            # The agent's time is its own.
            ending.started_at = time.monotonic()
        try:
            write_files(self._place.home, self._assignment.get("files") or {})
            write_files(self._place.home, {name: b64decode(content) for name, content in (self._assignment.get("pictures") or {}).items()})
        except (PathRefused, OSError, ValueError) as error:
            ending.say(f"the assignment's files could not be written: {error}", "refused")
            return
        if not self._tidied(ending):
            return
        Turns(self._place, self._door, self._assignment, self._happenings, self._transcript).run(ending)
        if self._assignment.get("base_commit") and ending.reason != "lost":
            self._collect(ending)
        if (wish := self._assignment.get("layer")) and (ending.reason, ending.exit_code) == ("exited", 0):
            self._make_layer(wish, ending)
        if not self._transcript.close(self._place.door_patience_seconds):
            ending.say("the end of the transcript could not be handed over", "lost")

    def _tidied(self, ending: Ending) -> bool:
        leaves_out = [str(name) for name in self._assignment.get("tidy") or []]
        try:
            if leaves_out:
                tidy(self._git(self._place.tidy_seconds), self._place.home, leaves_out)
        except (GitFailed, OSError) as error:
            ending.say(f"what an earlier run has left in the workspace could not be tidied: {error}", "refused")
            return False
        return True

    def _git(self, seconds: float) -> Git:
        place = self._place
        return Git(place.workspace, place.home, place.tools, place.environ, seconds)

    def _collect(self, ending: Ending) -> None:
        collector = Collector(self._git(self._place.git_seconds), self._place.home)
        try:
            result = collector.collect(str(self._assignment["base_commit"]))
            ending.head_commit = result.head_commit
            if result.left_out:
                ending.say(f"some files could not be taken into the result: {result.left_out}")
            self._send(result, ending)
        except (GitFailed, ResultFailed, DoorGone, OSError) as error:
            ending.say(f"the result could not be collected: {error}", "lost")
        except DoorRefused as error:
            ending.say(f"the result was not taken: {error}", "refused")

    def _make_layer(self, wish: dict[str, Any], ending: Ending) -> None:
        maker = LayerMaker(self._git(self._place.git_seconds), self._place.home)
        try:
            kept = maker.make(str(wish["directory"]), wish.get("leaves_out") or (), wish.get("home_leaves_out") or ())
            # As every sandbox will that stands on it: a link in the way would keep all of them from beginning.
            write_files(self._place.home, self._assignment.get("files") or {})
        except (LayerFailed, PathRefused, OSError) as error:
            ending.say(f"what was installed could not be kept: {error}", "refused")
            self._transcript.remark(ending.texts[-1])
            return
        for remark in kept.remarks:
            self._transcript.remark(remark)

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
