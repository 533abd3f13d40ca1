"""An agent's to-do list, from the words of the Step that tells it (app/execute/agents, sidecar/acp_driver); pure."""

from __future__ import annotations

import re

MOST_STEPS = 20
STEP_CHARACTERS = 150
# `x` and a blank where an adapter knows what is done, ACP's own words where it tells.
_ENTRY = re.compile(r"^\[(?P<mark>x| |completed|in_progress|pending|cancelled)\] (?P<step>\S.*)$", re.MULTILINE)
_DONE = ("x", "completed")


def plan_of(text: str) -> tuple[tuple[str, bool], ...]:
    """Return its entries in order with whether each is done, bounded; a list that is too long says at its end how much of it is not shown."""
    found = [(" ".join(each["step"].split())[:STEP_CHARACTERS], each["mark"] in _DONE) for each in _ENTRY.finditer(text)]
    if len(found) <= MOST_STEPS:
        return tuple(found)
    rest = found[MOST_STEPS - 1:]
    return (*found[: MOST_STEPS - 1], (f"and {len(rest)} more", all(is_done for _, is_done in rest)))
