"""Whether a repeated run came to the same, in words; pure."""

from __future__ import annotations

from typing import NamedTuple

from app.replay.recorded import Recorded
from app.replay.rerun import Replayed


class Verdict(NamedTuple):
    """`is_same` holds when nothing is in `why`."""

    is_same: bool
    why: tuple[str, ...]


def judge(recorded: Recorded, replayed: Replayed) -> Verdict:
    """Compare how it ended, what it changed and how it asked its model."""
    why = []
    if replayed.tree != recorded.tree:
        why.append(f"the result is another one: then {_named(recorded.tree)}, now {_named(replayed.tree)}")
    then, now = _ending(recorded.end.reason, recorded.end.exit_code), _ending(replayed.end.reason, replayed.end.exit_code)
    if then != now:
        why.append(f"it ended otherwise: then {then}, now {now}")
    why += replayed.differences
    if replayed.unplayed:
        why.append(f"it asked less: {len(replayed.unplayed)} of {len(recorded.record.exchanges)} recorded requests were not made "
                   f"({', '.join(replayed.unplayed[:5])})")
    return Verdict(not why, tuple(why))


def _named(tree: str | None) -> str:
    return "no change" if tree is None else f"tree {tree}"


def _ending(reason: str, exit_code: int | None) -> str:
    return reason if reason != "exited" else f"exit code {exit_code}"
