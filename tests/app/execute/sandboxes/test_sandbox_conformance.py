"""Every backend through the suite that ships with the package (T42, T43, T45, T46, T51-T54, T60-T62, R17-R19, R22)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.core.isolation import Guarantee
from app.execute.sandboxes.bubblewrap import machine
from app.execute.sandboxes.cgroups import Hierarchy
from app.execute.sandboxes.conformance.lab import Subject
from app.execute.sandboxes.conformance.suite import CHECKS, applicable, run_check
from app.execute.sandboxes.docker.guarantees import KEPT_BY
from app.execute.sandboxes.fake import FakeSandboxes
from tests.app.execute.sandboxes.conftest import MakeSubject
from tests.conftest import missing

# What a backend is known to fail, by the check's name, with the reason. None today.
KNOWN_FAILURES: dict[str, dict[str, str]] = {"docker": {}, "gvisor": {}, "bubblewrap": {}}

EVERYTHING_BUBBLEWRAP = machine.Machine(
    root=True, groups=Hierarchy(1, dict.fromkeys(("memory", "pids", "cpu"), Path("/")))
).guarantees


def put_through(name: str, subject: Subject, backend_name: str) -> None:
    backend = subject.open_backend()
    backend.check()
    if name not in applicable(backend.guarantees):
        missing(f"{backend_name} does not keep {CHECKS[name].guarantee} on this host")
    close = getattr(backend, "close", None)
    if close is not None:
        close()
    assert run_check(name, subject, KNOWN_FAILURES[backend_name]).problem is None


@pytest.mark.docker
@pytest.mark.parametrize("name", applicable(KEPT_BY["runc"]))
def test_docker(name: str, docker_subject: Subject) -> None:
    put_through(name, docker_subject, "docker")


@pytest.mark.docker
@pytest.mark.parametrize("name", applicable(KEPT_BY["runsc"]))
def test_gvisor(name: str, make_subject: MakeSubject, debian_image: str, runsc: str) -> None:
    put_through(name, make_subject("gvisor", debian_image), "gvisor")


@pytest.mark.bubblewrap
@pytest.mark.parametrize("name", applicable(EVERYTHING_BUBBLEWRAP))
def test_bubblewrap(name: str, make_subject: MakeSubject, bubblewrap: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("not root: test_bubblewrap_without_root covers what is kept then")
    put_through(name, make_subject("bubblewrap"), "bubblewrap")


def test_every_guarantee_of_every_backend_has_a_check() -> None:
    declared: set[Guarantee] = {*KEPT_BY["runc"], *KEPT_BY["runsc"], *EVERYTHING_BUBBLEWRAP}
    assert declared == {check.guarantee for check in CHECKS.values()} - {None}


def test_a_known_failure_that_passes_is_told(room: Path) -> None:
    subject = Subject(lambda: FakeSandboxes("never_ends"), room, "/nowhere", None)
    reason = "forgets that it is gone"
    assert run_check("destroy_twice_is_fine", subject).problem is None
    told = run_check("destroy_twice_is_fine", subject, {"destroy_twice_is_fine": reason}).problem
    assert told is not None
    assert reason in told


def test_a_failure_that_is_known_is_none(room: Path) -> None:
    subject = Subject(lambda: FakeSandboxes("dies"), room, "/nowhere", None)
    assert run_check("exit_code_is_told", subject).problem is not None
    assert run_check("exit_code_is_told", subject, {"exit_code_is_told": "always dies"}).problem is None
