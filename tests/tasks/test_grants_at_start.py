"""A run's grant is asked for anew when it starts: the profile's word, and of that what the person may see by then."""

from __future__ import annotations

from app.core.outcome import Refused
from app.core.profile import Profile
from app.ledger import audit, steps
from tasks.grants import workspace_grant
from tasks.start import start
from tests.tasks.scene import Scene, profile


def granted(scene: Scene, run_id: str) -> list[tuple[str, str]]:
    with scene.database.read() as tx:
        return [(row.target, row.verdict) for row in audit.of_run(tx, run_id) if row.action == "grant workspace"]


def test_r30_who_lost_the_right_before_the_start_starts_nothing(scene: Scene) -> None:
    run_id = scene.routed()
    scene.github.set_role("octo/hello", "alice", "read")
    start(scene.parts, run_id)
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Refused)
    assert (outcome.reason, scene.backend.created) == ("not_permitted", [])
    assert scene.github.live_tokens() == []


def test_t49_what_the_person_may_not_see_is_left_out_and_said(scene: Scene) -> None:
    # No profile file may state it: what a later version adds must not be granted by default.
    scene.profiles["fix"] = profile(permissions={"contents": "read", "administration": "read"})
    run_id = scene.started()
    assert granted(scene, run_id) == [("octo/hello contents: read", "without administration")]
    with scene.database.read() as tx:
        [step] = steps.of_sandbox(tx, run_id, f"{run_id}-work")
    assert step.text == (
        "left out of what this run may read: administration, because alice has `write` here (administration takes `admin`)"
    )


def test_a_role_that_rose_counts_as_it_is_now(scene: Scene) -> None:
    run_id = scene.routed()
    scene.github.set_role("octo/hello", "alice", "admin")
    start(scene.parts, run_id)
    assert granted(scene, run_id) == [("octo/hello contents: read", "ok")]


def test_a_run_by_hand_has_what_the_profile_says(scene: Scene) -> None:
    event = scene.run(scene.routed()).event
    stated: Profile = profile(permissions={"contents": "read", "administration": "read"})
    assert workspace_grant(event, stated, None).permissions == {"contents": "read", "administration": "read"}
    assert workspace_grant(event, stated, "write").permissions == {"contents": "read"}
