"""Hop 6: from the end of a sandbox to the outcome. Which part is due, the run's state says: after a setup the start goes on."""

from __future__ import annotations

from tasks.finishing.collect import collect
from tasks.finishing.publish import publish
from tasks.finishing.verify import prepare_verify_again, verify_again
from tasks.leased import advance
from tasks.parts import Parts
from tasks.replying.replies import deliver_all, tell
from tasks.start import start_here
from tasks.starting.hand_over import hand_over


def finish(parts: Parts, run_id: str) -> None:
    """Do the next part of finishing a run, hand over what its doors ask for, and tell its thread what has been reported.

    Safe to repeat.
    """
    # First: somebody in a sandbox is waiting for it.
    hand_over(parts, run_id)
    advance(parts, run_id, {
        "starting": start_here, "preparing": prepare_verify_again, "collecting": collect, "verifying": verify_again, "publishing": publish,
    })
    tell(parts, run_id)
    deliver_all(parts, run_id)
