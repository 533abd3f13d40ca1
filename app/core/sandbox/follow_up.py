"""Whether a run may go on in the HOME that an earlier run's agent has written; pure."""

from __future__ import annotations

from collections.abc import Collection

from app.core.event import ELSEWHERE
from app.core.run import Run


def why_a_home_of_its_own(run: Run, before: Run, readable: Collection[str]) -> str:
    """Return why `run` must not be given the HOME of `before`, or an empty string where it may have it.

    That HOME holds whatever the agent has read, and whatever somebody had it write. `readable` are the permissions that
    the run itself has now: those that the earlier one had must be among them.
    """
    earlier, now = before.profile, run.profile
    faults = {
        "it is of another case": before.case_id != run.case_id,
        "it is of another repository": before.event.repo.id != run.event.repo.id or len({before.event.source, run.event.source} - ELSEWHERE) > 1,
        "it is of another profile": earlier.name != now.name,
        "it is another agent's": earlier.agent.uses != now.agent.uses,
        "one of them is about a stranger's files": before.event.is_from_fork or run.event.is_from_fork,
        "that run could write, or only read, where this one does the other": earlier.workspace != now.workspace,
        "only one of them stands on what a setup has installed": (earlier.setup is None) != (now.setup is None),
        "it was written by another user": earlier.container.user != now.container.user,
        "that run could read more": not set(earlier.permissions) <= set(readable),
        "that run could read from other registries": not set(earlier.egress.registries) <= set(now.egress.registries),
        "this run reaches hosts that that one did not": not set(now.egress.connect) <= set(earlier.egress.connect),
        "somebody cancelled that run": before.cancel_requested,
    }
    return next((why for why, is_so in faults.items() if is_so), "")
