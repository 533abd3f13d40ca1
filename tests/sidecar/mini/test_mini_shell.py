"""What mini's commands see, how long they may take, and what of their output is shown."""

from __future__ import annotations

import subprocess
import time
from typing import Any

from tests.sidecar.mini.conftest import MiniRun

SUBMIT = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"


def results(mini: MiniRun, *commands: str) -> list[dict[str, Any]]:
    steps = mini.run(mini.model([("x", [command]) for command in commands] + [("end", [SUBMIT])]))
    return [step for step in steps if step["kind"] == "tool_result"][:-1]


def test_commands_see_a_plain_and_constant_environment(mini: MiniRun) -> None:
    [env] = results(mini, "env | cut -d= -f1 | sort | tr '\\n' ' '; echo; cat; pwd")
    names, directory = env["text"].split("\n")[:2]
    assert set(names.split()) - {"_", "SHLVL", "PWD", "OLDPWD"} == {
        "HOME", "PATH", "LANG", "PAGER", "MANPAGER", "GIT_PAGER", "TERM", "PYTHONDONTWRITEBYTECODE",
    }
    assert directory == str(mini.repository)


def test_a_slow_command_is_stopped_with_all_of_its_group(mini: MiniRun) -> None:
    mini.options["command_timeout_seconds"] = 1
    began = time.monotonic()
    [slow] = results(mini, "echo begun; sh -c 'sleep 432.5' & sleep 432.5")
    assert time.monotonic() - began < 20
    assert (slow["text"], slow["data"]) == ("begun\n", {"exit_code": 124, "timed_out": True})
    assert subprocess.run(["pgrep", "-f", "sleep 432.5"], capture_output=True, check=False, timeout=10).stdout == b""


def test_a_background_process_does_not_hold_the_next_step_up(mini: MiniRun) -> None:
    began = time.monotonic()
    first, second = results(mini, "sleep 433.5 & echo started", "kill %1 2>/dev/null; pkill -f 'sleep 433[.]5'; echo after")
    assert time.monotonic() - began < 20
    assert (first["text"], second["text"]) == ("started\n", "after\n")


def test_long_and_broken_output_is_cut_in_the_middle_always_alike(mini: MiniRun) -> None:
    commands = (
        "seq 1 5000", "head -c 30000000 /dev/zero | tr '\\0' x; echo; echo end", "printf 'a\\377b\\000c'", "exit 3", "kill -9 $$",
    )
    medium, huge, broken, failed, killed = results(mini, *commands)
    mini.fresh()
    assert [each["text"] for each in results(mini, *commands)] == [each["text"] for each in (medium, huge, broken, failed, killed)]
    assert medium["text"].startswith("1\n2\n")
    assert medium["text"].endswith("4999\n5000\n")
    assert "characters left out" in medium["text"]
    assert huge["text"].endswith("x\nend\n")
    assert len(huge["text"]) < 10_200
    assert broken["text"] == "a\ufffdb\0c"
    assert (failed["data"]["exit_code"], killed["data"]["exit_code"]) == (3, 137)


def test_only_a_successful_command_that_begins_with_the_word_submits(mini: MiniRun) -> None:
    said = results(mini, f"{SUBMIT}; false", f"echo first; {SUBMIT}", f"grep -r {SUBMIT.split()[1]} . || true")
    assert len(said) == 3
