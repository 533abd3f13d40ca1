"""The ready profile `triage` is read as it stands, and lets nothing out of itself."""

from __future__ import annotations

from app.core.ringing.rings import rings
from tests.app.core.test_approval import EVENT
from tests.ready_profiles import shipped


def test_the_triage_profile_rings_by_its_label_and_only_suggests() -> None:
    profile = shipped("triage")
    assert rings(profile, EVENT.model_copy(update={"label": "triage"}), "bellhop[bot]")
    assert not rings(profile, EVENT.model_copy(update={"label": "bug"}), "bellhop[bot]")
    assert (profile.autonomy, set(profile.permissions.values())) == ("suggest", {"read"})
