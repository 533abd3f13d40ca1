"""Which of an agent's steps are of its last turn: those that say how it ended."""

from __future__ import annotations

import re

from app.core.step import Step

# The runner's own line (sidecar/runner/turns.py), on a stream that no agent writes to.
_BEGINS = re.compile(r"turn \d+ begins")


def last_turn(steps: list[Step]) -> list[Step]:
    """Return the steps since the last turn began; all of them where there was one turn only."""
    first = next(
        (at for at in range(len(steps) - 1, -1, -1) if steps[at].data.get("stream") == "runner" and _BEGINS.match(steps[at].text)), 0
    )
    return steps[first:]
