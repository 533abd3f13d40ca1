"""What is on disk about one bubblewrap sandbox, in a directory that no sandbox sees."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from app.core.noun import Noun
from app.execute.sandboxes.bubblewrap.processes import Process


class Record(Noun):
    """`init` is PID 1 of the sandbox as the host numbers it, `monitor` the bwrap that waits for it."""

    id: str
    run_id: str
    init: Process
    monitor: Process | None
    cgroups: tuple[str, ...] = ()


class Room:
    """The directory of one sandbox: record, exit status, launch log, mount points and made-up `/etc` files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.record = directory / "record.json"
        self.status = directory / "status.json"
        self.launcher = directory / "launcher.pid"
        self.log = directory / "launch.log"
        self.workspace = directory / "workspace"
        self.home = directory / "home"
        self.passwd = directory / "passwd"
        self.group = directory / "group"
        self.run_id = directory / "run_id"

    def load(self) -> Record | None:
        """Return the record, or None where there is none that can be read."""
        try:
            return Record.model_validate_json(self.record.read_bytes())
        except (OSError, ValidationError):
            return None

    def save(self, record: Record) -> None:
        """Write the record, whole or not at all."""
        partial = self.record.with_suffix(".partial")
        partial.write_text(record.model_dump_json())
        partial.rename(self.record)

    def prepare(self, uid: int, run_id: str) -> None:
        """Make the directory and its `/etc` files, which know only the sandbox's user and nobody."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.workspace.mkdir(exist_ok=True)
        self.home.mkdir(exist_ok=True)
        self.run_id.write_text(run_id)
        self.passwd.write_text(
            f"bellhop:x:{uid}:{uid}::/home/bellhop:/bin/sh\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n"
        )
        self.group.write_text(f"bellhop:x:{uid}:\nnogroup:x:65534:\n")
        for file in (self.passwd, self.group):
            file.chmod(0o644)

    def said(self, key: str) -> int | None:
        """Return a number that bwrap reported on its status descriptor (`child-pid`, `exit-code`), or None."""
        try:
            lines = self.status.read_text().splitlines()
        except OSError:
            return None
        for line in lines:
            try:
                value = json.loads(line).get(key)
            except ValueError:
                continue
            if value is not None:
                return int(value)
        return None
