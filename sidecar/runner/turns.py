"""The agent's turns: its command, and the command of its next turn for as long as somebody has something to say.

A turn ends with every process that it has started; so does the last one.
"""

from __future__ import annotations

import queue
import signal
import sys
import time
from typing import Any, Literal

from .door import Door, DoorGone, DoorRefused, retried
from .ending import Ending, Happening, Happenings
from .inbox import Inbox, Reader
from .letter_lines import LetterLines
from .letters import GO_ON, OWN_NAME, Letter, as_text, authors, wrap_up
from .place import Place
from .process import Agent, environment
from .standard_input import StandardInput
from .transcript import Transcript
from .unheard import Unheard
from .waiting import Waiting

NOT_FOUND = 127
# How a turn came to its end; after any but `exited` and `interrupted` there is no other one.
End = Literal["exited", "interrupted", "stopped"]


class Turns:
    """The turns of one assignment at one place."""

    def __init__(self, place: Place, door: Door, assignment: dict[str, Any], happenings: Happenings, transcript: Transcript) -> None:
        self._place = place
        self._door = door
        self._assignment = assignment
        self._happenings = happenings
        self._transcript = transcript
        self._next_argv = [str(part) for part in assignment.get("next_argv") or []]
        self._lines = LetterLines() if assignment.get("wants_messages") else None
        self._waiting: Waiting | None = None
        if self._lines is None and self._next_argv:
            self._waiting = Waiting(door, place.door_patience_seconds, lambda: happenings.put(Happening("urgent")))
        reader: Reader = self._lines or self._waiting or Unheard(transcript.remark)
        self._inbox = Inbox(
            door, place.poll_seconds, reader, on_cancel=lambda why: happenings.put(Happening("cancel", why)),
            on_lost=lambda why: happenings.put(Happening("lost", why)),
        )
        self._wrap_up_seconds = float(assignment.get("wrap_up_seconds") or 0)
        # Set with the first letter after which nothing more is said.
        self._is_last = False
        self._was_interrupted = False
        # The turn's standard input; and the task itself, until a turn has read it or has had the time to.
        self._stdin: StandardInput | None = None
        self._task = str(assignment.get("stdin") or "")

    def run(self, ending: Ending) -> None:
        """Run them, noting in `ending` what happens. Raises nothing that the agent can cause."""
        argv = [str(part) for part in self._assignment["argv"]]
        agent = self._begin(argv, self._task, ending)
        if agent is None:
            return
        self._inbox.start()
        try:
            number = 1
            while agent is not None and self._see_through(agent, ending) and self._waiting is not None:
                letters = self._letters(self._waiting, ending)
                if not letters:
                    break
                number += 1
                self._transcript.remark(f"turn {number} begins, with what {authors(letters)} said")
                said = as_text(letters)
                # Without its task an agent has no session that could go on.
                agent = self._begin(argv, f"{self._task}\n\n{said}", ending) if self._task else self._begin(self._next_argv, said, ending)
        except (DoorGone, DoorRefused) as error:
            ending.say(str(error), "lost")
        finally:
            self._inbox.stop()
        if ending.reason != "lost":
            self._confirm()

    def _begin(self, argv: list[str], text: str, ending: Ending) -> Agent | None:
        place, asked = self._place, self._assignment
        stdin: StandardInput | None = None
        try:
            stdin = StandardInput() if text or self._lines is not None else None
            agent = Agent(
                argv, env=environment(place.environ, asked.get("env") or {}, place.home, place.tools, asked.get("path") or ()),
                cwd=place.workspace, stdin=stdin, on_exit=lambda code: self._happenings.put(Happening("exited", code)),
            )
        except (OSError, ValueError) as error:
            if stdin is not None:
                stdin.close()
                stdin.start()
            ending.exit_code = NOT_FOUND
            ending.say(f"`{argv[0]}` could not be started: {error}")
            self._transcript.remark(ending.texts[-1])
            return None
        self._transcript.begin_turn()
        ending.exit_code = None
        for stream, pipe in agent.output.items():
            self._transcript.follow(stream, pipe)
        self._stdin = stdin
        if stdin is not None:
            stdin.put(text)
            if self._lines is not None:
                self._lines.open(stdin)
            else:
                stdin.end()
            stdin.start()
        return agent

    def _see_through(self, agent: Agent, ending: Ending) -> bool:
        """Watch one turn to its end, and clear up after it; return whether another one may follow."""
        end = self._watch(ending)
        self._was_interrupted = end == "interrupted"
        if end == "interrupted":
            self._transcript.remark("interrupted: somebody has something to say that does not wait")
            name = str(self._assignment.get("interrupt_signal") or "TERM")
            self._stop(agent, signal.SIGINT if name == "INT" else signal.SIGTERM, self._place.interrupt_seconds, ending)
        elif end == "stopped":
            self._transcript.remark(ending.texts[-1])
            self._stop(agent, signal.SIGTERM, self._place.grace_seconds, ending)
        cleared = agent.clear(self._place.grace_seconds)
        if ending.exit_code is None:
            self._note_exit(ending, 0)
        if not cleared:
            ending.say("some of its processes could not be killed")
        self._transcript.read_out(self._place.door_patience_seconds if cleared else 1.0)
        self._note_read(end)
        if self._waiting is not None:
            self._waiting.dealt_with()
        return cleared and end != "stopped" and not self._is_last

    def _note_read(self, end: End) -> None:
        """Note of a turn that is over what it has read."""
        is_read = True
        if self._stdin is not None:
            self._stdin.close()
            is_read = self._stdin.is_read
        if is_read or end != "interrupted":
            self._task = ""
        if self._waiting is not None and end != "interrupted":
            self._waiting.finish(is_read=is_read)

    def _confirm(self) -> None:
        """Tell the door of the last letter that was read; what comes after it, nobody reads any more."""
        reader = self._lines or self._waiting
        number = reader.confirmed(sys.maxsize) if reader is not None else 0
        if not number:
            return
        try:
            retried(lambda: self._door.messages(number, 0, number), self._place.door_patience_seconds)
        except (DoorGone, DoorRefused) as error:
            self._transcript.remark(f"the door could not be told which messages were read: {error}")

    def _watch(self, ending: Ending) -> End:
        """Wait until the turn ends or there is a reason to end it."""
        timeout_seconds = float(self._assignment["timeout_seconds"])
        idle_seconds = float(self._assignment["idle_timeout_seconds"])
        while True:
            left = ending.started_at + timeout_seconds - time.monotonic()
            idle_left = idle_seconds - self._transcript.quiet_seconds()
            if left <= 0:
                ending.say(f"stopped: it had worked for {timeout_seconds:g} seconds, its limit", "timeout")
                return "stopped"
            if idle_left <= 0:
                ending.say(f"stopped: it had printed nothing for {idle_seconds:g} seconds", "idle")
                return "stopped"
            if self._waiting is not None and self._waiting.is_urgent:
                if not self._is_last:
                    return "interrupted"
                self._waiting.dealt_with()
            until_wrap_up = left - self._wrap_up_seconds if self._wrap_up_is_due() else left
            if until_wrap_up <= 0:
                if self._wrap_up(left):
                    return "interrupted"
                continue
            try:
                happening = self._happenings.get(timeout=min(until_wrap_up, idle_left))
            except queue.Empty:
                continue
            if happening.kind == "exited":
                ending.exit_code = happening.detail
                return "exited"
            if ending.stop_for(happening):
                return "stopped"

    def _wrap_up_is_due(self) -> bool:
        return self._wrap_up_seconds > 0 and not self._is_last and (self._lines is not None or self._waiting is not None)

    def _wrap_up(self, left_seconds: float) -> bool:
        """Tell the agent that its time is nearly up; return whether that takes another turn."""
        letter = wrap_up(left_seconds)
        self._transcript.remark("its time is nearly up, and it is told so")
        if self._waiting is not None:
            self._waiting.put(letter)
            return True
        if self._lines is not None:
            self._lines.receive([letter])
        self._is_last = True
        return False

    def _stop(self, agent: Agent, first: signal.Signals, grace_seconds: float, ending: Ending) -> None:
        for number in (first, signal.SIGKILL):
            agent.signal(number)
            if self._note_exit(ending, grace_seconds):
                return

    def _note_exit(self, ending: Ending, patience_seconds: float) -> bool:
        """Wait for the turn's exit code; what else happens meanwhile (somebody says stop) is kept for later."""
        others: list[Happening] = []
        deadline = time.monotonic() + patience_seconds
        while ending.exit_code is None:
            try:
                happening = self._happenings.get(timeout=max(deadline - time.monotonic(), 0))
            except queue.Empty:
                break
            if happening.kind == "exited":
                ending.exit_code = happening.detail
            else:
                others.append(happening)
        for other in others:
            self._happenings.put(other)
        return ending.exit_code is not None

    def _letters(self, waiting: Waiting, ending: Ending) -> list[Letter]:
        """Return what the next turn reads; nothing where there is to be none."""
        letters = waiting.take()
        while True:
            try:
                if ending.stop_for(self._happenings.get_nowait()):
                    self._transcript.remark(ending.texts[-1])
                    return []
            except queue.Empty:
                break
        if not letters and self._was_interrupted:
            return [Letter(0, OWN_NAME, GO_ON)]
        self._is_last = any(letter.last for letter in letters)
        return letters
