"""Bubblewrap as an ordinary user: a copied workspace, a user namespace, and fewer guarantees, said openly."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from app.execute.sandboxes.bubblewrap import machine
from app.execute.sandboxes.bubblewrap.backend import BubblewrapSandboxes
from app.execute.sandboxes.conformance.lab import Subject
from app.execute.sandboxes.conformance.suite import applicable, run_check
from tests.conftest import missing

NOBODY = 65_534


def results_as_nobody(subject: Subject) -> dict[str, str | None]:
    """Run the suite in a child process that has become another user; maps each check to its problem."""
    if os.geteuid() != 0:
        return {name: run_check(name, subject).problem for name in applicable(subject.open_backend().guarantees)}
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read_end)
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            backend = subject.open_backend()
            problems: dict[str, str | None] = {"check()": None}
            try:
                backend.check()
                problems |= {name: run_check(name, subject).problem for name in applicable(backend.guarantees)}
            except BaseException as error:  # noqa: BLE001, RUF100 - the child's only way to tell its parent
                problems["check()"] = repr(error)
            os.write(write_end, json.dumps(problems).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    found: dict[str, str | None] = json.loads(answer)
    return found


@pytest.mark.bubblewrap
def test_an_ordinary_user_gets_what_is_declared(room: Path, probe_tooling: str, bubblewrap: str) -> None:
    room.chmod(0o777)
    subject = Subject(
        lambda: BubblewrapSandboxes(room / "state", machine.look()), room, probe_tooling, None, uid=10_001
    )
    problems = results_as_nobody(subject)
    if "user namespaces" in (problems.get("check()") or ""):
        missing(str(problems["check()"]))
    assert {name: problem for name, problem in problems.items() if problem is not None} == {}
    assert {"only_loopback", "golden_mounts", "no_capabilities", "workspace_is_an_overlay"} <= set(problems)


def test_without_root_the_missing_guarantees_are_not_declared() -> None:
    ordinary = machine.Machine(root=False, groups=machine.look().groups)
    assert not {"unprivileged_user", "pids_limit", "memory_limit", "cpu_limit", "seccomp"} & ordinary.guarantees
