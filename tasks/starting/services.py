"""A profile's services, for the sandboxes that have them: the agent's, and the one that verifies."""

from __future__ import annotations

from app.core.assignment import Assignment
from app.core.profile import Profile
from app.core.sandbox.services import SERVICES_SECONDS
from app.ledger.sandboxes import SandboxRow

# The ends that come while services are waited for, by the runner's word.
_ENDS_OF_WAITING = ("service", "cancelled", "budget")


def waited_for_services_only(row: SandboxRow) -> bool:
    """Return whether the sandbox ended while it waited for its services, so that its agent never began."""
    end = row.end
    return bool(row.assignment.services) and end is not None and not end.by_host and end.exit_code is None and end.reason in _ENDS_OF_WAITING


def with_services(assignment: Assignment, profile: Profile) -> Assignment:
    """Return the assignment with the services that are waited for; what goes to them passes no proxy."""
    if not profile.services:
        return assignment
    names = ",".join(profile.services)
    direct = {
        spelling: f"{assignment.env[spelling]},{names}" for spelling in ("no_proxy", "NO_PROXY")
        if spelling in assignment.env and spelling not in profile.env
    }
    return assignment.model_copy(update={
        "services": tuple(profile.services), "services_timeout_seconds": SERVICES_SECONDS, "env": {**assignment.env, **direct},
    })
