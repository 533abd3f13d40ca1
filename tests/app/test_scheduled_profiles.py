"""The ready profiles that ring by the clock: right as they are, and held to what their page says."""

from __future__ import annotations

import pytest

from tests.ready_profiles import shipped


@pytest.mark.parametrize("name", ["nightly-flaky-tests", "update-deps"])
def test_a_ready_profile_is_right_and_rings_for_nothing_but_the_clock(name: str) -> None:
    profile = shipped(name)
    assert profile.on.own == {"schedule"}
    assert profile.on.filters == {}
    assert profile.permissions == {"contents": "read"}
    assert profile.egress.connect == ()
    # A placeholder, so that whoever copies it has to say where.
    assert profile.repositories == ("your-organisation/your-repository",)
