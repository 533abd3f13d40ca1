"""One thing that `bellhop doctor` has looked at."""

from __future__ import annotations

from typing import Literal, NamedTuple

from app.settings import Settings

Verdict = Literal["ok", "missing", "off"]


class Finding(NamedTuple):
    """`missing` must be mended; `off` is a thing that this set-up does without; `mend` says what to do."""

    name: str
    verdict: Verdict
    what: str
    mend: str = ""


def several_processes(settings: Settings) -> bool:
    """Return whether web, worker and gateway are processes of their own, each given its own secrets only."""
    return not settings.broker_url.startswith("memory://")
