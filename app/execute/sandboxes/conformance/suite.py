"""The conformance suite: named checks that any sandbox backend, also one of another package, can be put through.

    results = run_suite(Subject(open_backend=..., room=..., tooling=..., image=...))

A backend must pass the checks of every guarantee it declares, and those that are a duty of all. What it is known
to fail is listed by name with the reason; a known failure that passes is a failure too, so that lists stay true.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from app.core.isolation import Guarantee
from app.errors import BellhopError
from app.execute.sandboxes.conformance import installed, layers, lifecycle, limits, sealing
from app.execute.sandboxes.conformance.lab import Check, CheckFailed, Lab, Subject

CHECKS: dict[str, Check] = {check.name: check for check in (*sealing.CHECKS, *limits.CHECKS, *lifecycle.CHECKS, *layers.CHECKS, *installed.CHECKS)}


class Result(NamedTuple):
    """How one check went; `problem` is None when all is as expected."""

    check: str
    problem: str | None


def applicable(guarantees: frozenset[Guarantee]) -> list[str]:
    """Return the names of the checks that a backend with these guarantees must pass."""
    return [name for name, check in CHECKS.items() if check.guarantee is None or check.guarantee in guarantees]


def run_check(name: str, subject: Subject, known_failures: Mapping[str, str] | None = None) -> Result:
    """Run one check by its name."""
    reason = (known_failures or {}).get(name)
    problem: str | None = None
    try:
        with Lab(subject) as lab:
            CHECKS[name].run(lab)
    except (CheckFailed, BellhopError) as error:
        problem = str(error)
    if reason is None:
        return Result(name, problem)
    return Result(name, None if problem is not None else f"passes, though known to fail ({reason}): strike it off")


def run_suite(subject: Subject, known_failures: Mapping[str, str] | None = None) -> Iterator[Result]:
    """Yield the result of each check that applies. Raises SandboxUnavailable when there is nothing to check."""
    backend = subject.open_backend()
    backend.check()
    for name in applicable(backend.guarantees):
        yield run_check(name, subject, known_failures)
