"""A sandbox without a sandbox: a door, a workspace with a commit, and the real runner as a process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.environment.services import free_port
from tests.sidecar.runner.strict_door import StrictDoor

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import ctypes, json, os, sys
sys.path.insert(0, sys.argv[1])
from sidecar.runner.main import run
from sidecar.runner.place import Place
if len(sys.argv) > 3:
    os.setgroups([]); os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[3]))
    # Changing the user has closed this process to others already; a process in a sandbox starts open.
    assert ctypes.CDLL(None).prctl(4, 1, 0, 0, 0) == 0
sys.exit(run(Place(environ=dict(os.environ), **json.loads(sys.argv[2]))))
"""


def git(cwd: Path, *arguments: str) -> str:
    settings = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main", "-c", "safe.directory=*")
    done = subprocess.run(
        ["git", *settings, *arguments], cwd=cwd, check=True, capture_output=True, text=True, timeout=30,
    )
    return done.stdout.strip()


class Scene:
    """`assign` says what runs, `run` runs it to its end, `begin` leaves it running."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.home = path / "home"
        self.workspace = path / "workspace"
        self.port = free_port()
        self.places: dict[str, Any] = {"grace_seconds": 1.0, "connect_patience_seconds": 10.0, "door_patience_seconds": 10.0}
        self.environ = {"PATH": os.environ["PATH"]}
        self.process: subprocess.Popen[str] | None = None
        self.home.mkdir()
        self.workspace.mkdir()
        git(self.workspace, "init", "-q")
        (self.workspace / "kept.txt").write_text("one\n")
        (self.workspace / ".gitignore").write_text("ignored.txt\n")
        git(self.workspace, "add", "-A")
        git(self.workspace, "commit", "-qm", "base")
        self.base = git(self.workspace, "rev-parse", "HEAD")
        self.door = StrictDoor(path / "door.sock", {}).start()

    def assign(self, *argv: str, **more: Any) -> None:
        self.door.assignment = {
            "run_id": "r", "role": "work", "argv": list(argv), "env": {}, "files": {}, "wants_messages": False,
            "stdin": "", "next_argv": [], "interrupt_signal": "TERM", "wrap_up_seconds": 0.0,
            "timeout_seconds": 60.0, "idle_timeout_seconds": 60.0, "base_commit": None, "bundle_limit_bytes": 1 << 20,
        } | more

    def shell(self, script: str, **more: Any) -> None:
        self.assign("sh", "-c", script, **more)

    def turns(self, first: str, following: str, **more: Any) -> None:
        """Have a shell script run, and another one for each turn after it."""
        self.shell(first, next_argv=["sh", "-c", following], **more)

    def begin(self, user: int | None = None, under: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        place = {
            "door_socket": str(self.door.socket), "workspace": str(self.workspace), "home": str(self.home), "port": self.port,
            "tools": "/nowhere/agent/bin", "proxy_port": 0, "egress_socket": str(self.path / "egress.sock"),
        } | self.places
        self.process = subprocess.Popen(
            [*under, sys.executable, "-I", "-c", PROGRAM, str(ROOT), json.dumps(place), *([] if user is None else [str(user)])],
            env=self.environ, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        return self.process

    def run(self, *, expect: int = 0, seconds: float = 60.0) -> dict[str, Any]:
        return self.ended(self.begin(), expect=expect, seconds=seconds)

    def ended(self, process: subprocess.Popen[str], *, expect: int = 0, seconds: float = 60.0) -> dict[str, Any]:
        _, self.stderr = process.communicate(timeout=seconds)
        assert process.returncode == expect, self.stderr
        assert self.door.wrongs == []
        return self.door.end or {}

    def bundled(self) -> Path:
        """Fetch what the door was given into a clone of the base and return the clone, at the bundle's HEAD."""
        assert self.door.bundle is not None
        (self.path / "result.bundle").write_bytes(self.door.bundle)
        clone = self.path / "clone"
        git(self.path, "clone", "-q", str(self.workspace), str(clone))
        git(clone, "checkout", "-q", "--detach", self.base)
        git(clone, "fetch", "-q", str(self.path / "result.bundle"), "HEAD")
        git(clone, "checkout", "-q", "FETCH_HEAD")
        return clone

    def close(self) -> None:
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGKILL)
            self.process.communicate()
        self.door.stop()
        shutil.rmtree(self.path, ignore_errors=True)
