"""mini: put the model, the shell and mini-swe-agent's loop together, and say at the end how it went."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from .configuration import read_configuration
from .steps import emit

EXIT_UNFINISHED = 2
EXIT_MODEL_FAILED = 3
EXIT_CONFIGURATION = 4
FORMAT_ERRORS = 4
# What mini-swe-agent calls its own ends.
STATUS = {"LimitsExceeded": "step_limit", "RepeatedFormatError": "no_tool_call"}


def main(argv: list[str]) -> int:
    """Work the task in the configuration file `argv[1]` below HOME, in the current directory; return the exit code."""
    home = Path(os.environ.get("HOME", "/"))
    try:
        configuration = read_configuration(home / argv[1])
    except (OSError, ValueError, TypeError, IndexError) as error:
        emit("error", f"mini has no configuration it can read: {error}")
        return EXIT_CONFIGURATION
    # Read when mini-swe-agent is imported: no banner, and its directory not in anybody's repository.
    os.environ |= {"MSWEA_SILENT_STARTUP": "1", "MSWEA_GLOBAL_CONFIG_DIR": str(home / ".bellhop" / "mini-swe-agent")}
    from minisweagent.agents.default import DefaultAgent  # type: ignore[import-not-found] # noqa: PLC0415

    from .api import ModelFailed  # noqa: PLC0415 - these import mini-swe-agent
    from .mail import Mailbox  # noqa: PLC0415
    from .model import DoorModel  # noqa: PLC0415
    from .shell import Shell  # noqa: PLC0415

    here = Path(__file__).parent
    mailbox = Mailbox()
    shell = Shell(str(Path.cwd()), configuration.command_timeout_seconds, mailbox)
    try:
        agent = DefaultAgent(
            DoorModel(configuration, shell.observation, mailbox.take), shell,
            system_template=(here / "system.txt").read_text(encoding="utf-8"),
            instance_template=(here / "instance.txt").read_text(encoding="utf-8"),
            step_limit=configuration.step_limit, cost_limit=0, max_consecutive_format_errors=FORMAT_ERRORS,
        )
        end = agent.run(configuration.task)
    except ModelFailed as error:
        emit("error", str(error), code=error.code)
        return EXIT_MODEL_FAILED
    return say_end(end, agent.messages)


def say_end(end: dict[str, Any], messages: list[dict[str, Any]]) -> int:
    """Print the final Step: what was submitted, or else what the model said last."""
    status = STATUS.get(end["exit_status"], end["exit_status"])
    said = (message["content"] for message in reversed(messages) if message["role"] == "assistant")
    emit("message", end["submission"] or next(filter(None, said), ""), final=True, status=status)
    sys.stdout.flush()
    return 0 if status == "submitted" else EXIT_UNFINISHED
