"""The ready profiles that ring by the clock: right as they are, and held to what their page says."""

from __future__ import annotations

import pytest

from app.core.profile import Profile
from app.execute.agents import agent_named
from app.profiles import check_profile
from app.settings import ROOT


@pytest.mark.parametrize("name", ["nightly-flaky-tests", "update-deps"])
def test_a_ready_profile_is_right_and_rings_for_nothing_but_the_clock(name: str) -> None:
    file = ROOT / "profiles" / "ready" / f"{name}.yaml"
    checked = check_profile(
        file, name, templates_dir=ROOT / "templates", check_agent=lambda choice: agent_named(choice.uses).check(choice), registries=(),
    )
    assert checked.lines() == []
    profile = checked.profile
    assert isinstance(profile, Profile)
    assert profile.on.own == {"schedule"}
    assert profile.on.filters == {}
    assert profile.permissions == {"contents": "read"}
    assert profile.egress.connect == ()
    # A placeholder, so that whoever copies it has to say where.
    assert profile.repositories == ("your-organisation/your-repository",)
