"""The profiles that Bellhop ships, read and checked as `bellhop profiles check` does."""

from __future__ import annotations

from app.core.profile import Profile
from app.execute.agents import agent_named
from app.profiles import check_profile
from app.settings import ROOT

FILES = {file.stem: file for place in (ROOT / "profiles", ROOT / "profiles" / "ready") for file in place.glob("*.yaml")}


def shipped(name: str) -> Profile:
    """Return a shipped profile, which has nothing to be said against it."""
    checked = check_profile(
        FILES[name], name, templates_dir=ROOT / "templates", check_agent=lambda choice: agent_named(choice.uses).check(choice), registries=(),
    )
    assert checked.lines() == []
    assert checked.profile is not None
    return checked.profile
