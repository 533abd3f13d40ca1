"""What a run's sandboxes find at their door: the profile's word, made ready for the gateway."""

from __future__ import annotations

from app.core.assignment import LOOPBACK_URL, Assignment
from app.core.door import DoorRules
from app.core.run import Run


def with_door(assignment: Assignment, run: Run) -> Assignment:
    """Return the assignment with the door's rules: a result is verified without a model, tools or the repository."""
    profile = run.profile
    works = assignment.role == "work"
    rules = DoorRules(
        budget=profile.budget,
        fallback_model=profile.agent.fallback_model if works else None,
        connect=profile.egress.connect,
        registries=profile.egress.registries,
        repository=run.event.repo.full_name if works else None,
        has_tools=works,
    )
    tools = {"BELLHOP_MCP_URL": f"{LOOPBACK_URL}/mcp"} if rules.has_tools else {}
    return assignment.model_copy(update={"door": rules, "env": {**assignment.env, **tools}})
