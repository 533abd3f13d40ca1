"""What a run's sandboxes find at their door: the profile's word, made ready for the gateway."""

from __future__ import annotations

from collections.abc import Mapping

from app.core.assignment import LOOPBACK_URL, PROXY_URL, Assignment
from app.core.run import Run
from app.core.sandbox.door import DoorRules
from app.core.sandbox.registry import Registry
from tasks.starting.registry_clients import HOME, clients

# Always, also where no host is named: a tool that asks for one gets a reason instead of a name that does not resolve.
# Both spellings, because curl reads `http_proxy` in lower case only and others the other one only.
# https://about.gitlab.com/blog/we-need-to-talk-no-proxy/
_PROXY = {
    "http_proxy": PROXY_URL, "https_proxy": PROXY_URL, "no_proxy": "127.0.0.1,localhost",
}

# Where what `setup:` installs for one user puts its programs.
INSTALLED = tuple(f"{HOME}/{place}" for place in (".local/bin", ".cargo/bin", "go/bin"))


def with_door(assignment: Assignment, run: Run, registries: Mapping[str, Registry]) -> Assignment:
    """Return the assignment with the door's rules: a result is verified without a model, tools or the repository.

    `registries` are this host's by name. What the profile or the agent sets itself wins over what points clients to the door.
    """
    profile = run.profile
    works = assignment.role == "work"
    rules = DoorRules(
        budget=profile.budget,
        fallback_model=profile.agent.fallback_model if works else None,
        connect=profile.egress.connect,
        registries=profile.egress.registries,
        repository=run.event.repo.full_name if works else None,
        has_tools=works,
        is_review=works and profile.review is not None and run.event.pull is not None,
    )
    tools = {"BELLHOP_MCP_URL": f"{LOOPBACK_URL}/mcp"} if rules.has_tools else {}
    packages = clients({name: registries[name] for name in profile.egress.registries if name in registries})
    return assignment.model_copy(update={
        "door": rules, "env": {**proxy_environment(assignment.env), **packages.env, **assignment.env, **tools},
        "files": {**packages.files, **assignment.files},
        "path": (*assignment.path, *(INSTALLED if profile.setup is not None else ()), *packages.path),
    })


def proxy_environment(own: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that lead tools to the door's proxy, but for those that the profile sets, in either spelling."""
    said = {name.lower() for name in own}
    return {
        spelling: value for name, value in _PROXY.items() if name not in said for spelling in (name, name.upper())
    }
