"""Waking whoever has something to do for a run now; what is lost here, the sweeper finds."""

from __future__ import annotations

from app.core.run import Run
from tasks.parts import Parts


def wake(parts: Parts, run: Run) -> None:
    """Wake who has to look at the run; one that waits for its sandbox needs no waking: its runner hears of what there is to hear."""
    if run.host is None:
        return
    if run.state in ("queued", "starting"):
        parts.wakeup.start(run.id, run.host)
    elif run.state in ("collecting", "publishing"):
        parts.wakeup.finish(run.id, run.host)
