"""The ready profile `triage` is read as it stands, and lets nothing out of itself."""

from __future__ import annotations

from app.core.rings import rings
from app.execute.agents import agent_named
from app.profiles.load import check_profile
from app.settings import ROOT
from tests.app.core.test_approval import EVENT


def test_the_triage_profile_rings_by_its_label_and_only_suggests() -> None:
    checked = check_profile(
        ROOT / "profiles" / "ready" / "triage.yaml", "triage", templates_dir=ROOT / "templates",
        check_agent=lambda choice: agent_named(choice.uses).check(choice),
    )
    assert checked.problems == ()
    profile = checked.profile
    assert profile is not None
    assert rings(profile, EVENT.model_copy(update={"label": "triage"}), "bellhop[bot]")
    assert not rings(profile, EVENT.model_copy(update={"label": "bug"}), "bellhop[bot]")
    assert (profile.autonomy, set(profile.permissions.values())) == ("suggest", {"read"})
