"""The environment that mini-swe-agent acts in: one new shell per command, in the workspace."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from typing import Any

from minisweagent.exceptions import Submitted  # type: ignore[import-not-found]

from .mail import Mailbox
from .output import Captured, shown
from .steps import emit

SUBMIT = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
TIMED_OUT = 124
AFTER_EXIT_SECONDS = 1.0
LOOK_SECONDS = 0.2
# The same for every run, so that the same commands print the same.
ADDED = {"PAGER": "cat", "MANPAGER": "cat", "GIT_PAGER": "cat", "TERM": "dumb", "PYTHONDONTWRITEBYTECODE": "1"}


class Shell:
    """`execute` is what mini-swe-agent calls. `mailbox` tells whether somebody said something meanwhile."""

    def __init__(self, directory: str, timeout_seconds: int, mailbox: Mailbox) -> None:
        self._directory = directory
        self._timeout_seconds = timeout_seconds
        self._mailbox = mailbox
        self._env = {name: value for name, value in os.environ.items() if not name.startswith("MSWEA_")} | ADDED
        self._shell = shutil.which("bash") or "sh"

    def execute(self, action: dict[str, Any], cwd: str = "") -> dict[str, Any]:
        """Run one command; return its `exit_code`, its `output` and whether it was `timed_out`.

        Raises Submitted when it is the agreed last one, unless a message waits to be worked first.
        """
        process = subprocess.Popen(
            [self._shell, "-c", action["command"]], cwd=cwd or self._directory, env=self._env, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0,
        )
        if process.stdout is None:
            raise AssertionError("a pipe was asked for")
        captured = Captured(process.stdout)
        timed_out, interrupted = self._wait(process)
        if timed_out or interrupted:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        captured.wait(AFTER_EXIT_SECONDS)
        code = TIMED_OUT if timed_out else process.returncode if process.returncode >= 0 else 128 - process.returncode
        result: dict[str, Any] = {"exit_code": code, "output": captured.text(), "timed_out": timed_out, "interrupted": interrupted}
        emit("tool_result", shown(result["output"]), exit_code=code, timed_out=timed_out)
        self._check_submitted(result)
        return result

    def _wait(self, process: subprocess.Popen[bytes]) -> tuple[bool, bool]:
        """Wait for a command's end; return whether its time is over, or else whether somebody says what does not wait."""
        deadline = time.monotonic() + self._timeout_seconds
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return True, False
            if self._mailbox.is_urgent():
                return False, True
            try:
                process.wait(min(left, LOOK_SECONDS))
            except subprocess.TimeoutExpired:
                continue
            return False, False

    def _check_submitted(self, result: dict[str, Any]) -> None:
        first, _, rest = result["output"].lstrip().partition("\n")
        if first.strip() == SUBMIT and result["exit_code"] == 0 and not self._mailbox.has_mail():
            extra = {"exit_status": "submitted", "submission": rest.strip()}
            raise Submitted({"role": "exit", "content": extra["submission"], "extra": extra})

    def observation(self, result: dict[str, Any]) -> str:
        """Return what the model is told of a command."""
        why = f" (stopped: it ran longer than {self._timeout_seconds} seconds)" if result["timed_out"] else ""
        if result.get("interrupted"):
            why = " (stopped: somebody has said something that does not wait)"
        return f"exit code: {result['exit_code']}{why}\noutput:\n{shown(result['output'])}"

    def get_template_vars(self, **_: Any) -> dict[str, Any]:
        """Return what the prompts may name. Nothing of the machine: prompts must not differ between hosts."""
        return {"command_timeout_seconds": self._timeout_seconds}

    def serialize(self) -> dict[str, Any]:
        """Return nothing: the transcript is the record."""
        return {}
