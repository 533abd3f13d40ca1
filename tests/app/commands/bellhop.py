"""The `bellhop` command as a person starts it: a process of its own, with nothing in its environment but what is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.app.commands.warm import ROOT, WARNINGS, Warm

__all__ = ["ROOT"]

WARM = Warm()
PAYLOADS = ROOT / "tests" / "payloads" / "github" / "webhooks"


class Said(NamedTuple):
    """What a command ended with."""

    code: int
    out: str
    err: str


class Machine(NamedTuple):
    """One machine's directories and settings."""

    directory: Path
    environment: dict[str, str]

    def argv(self, *arguments: str) -> list[str]:
        return [sys.executable, *WARNINGS, "-m", "app.cli", *arguments]

    def run(self, *arguments: str, **more: str) -> Said:
        return Said(*WARM.run(arguments, self.environment | more))

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv(*arguments), cwd=ROOT, env=self.environment | more, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )


def machine(directory: Path, runtime_dir: Path, **more: str) -> Machine:
    """A machine on which nothing is set up."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return Machine(directory, kept | {
        "BELLHOP_STATE_DIR": str(directory / "state"), "BELLHOP_RUNTIME_DIR": str(runtime_dir),
        "BELLHOP_DOCKER_HOST": f"unix://{directory}/no-docker.sock", "BELLHOP_HOST_NAME": "test-host",
        "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "80",
    } | more)


def one_line(said: Said, code: int = 2) -> str:
    """The one line of a refusal, for the person who reads it."""
    assert said.code == code, said
    assert said.out == "", said
    lines = said.err.splitlines()
    assert len(lines) == 1, said.err
    assert lines[0].startswith("bellhop: ")
    return lines[0].removeprefix("bellhop: ")
