"""What others do at the service while a run is under way, and what must not come of it."""

from __future__ import annotations

from app.core.outcome import Failed, Refused
from app.emulators.github import SeedRepository
from app.ledger import sandboxes
from tasks.start import start
from tasks.sweep import sweep
from tests.tasks.scene import Scene, profile

FIX = {"README.md": "hello, world\n"}


def test_a_commit_that_says_it_is_the_runs_own_is_not_published_as_verified(scene: Scene) -> None:
    """T66, T72: the run's id stands in its comment, so anybody who may push can write the trailer."""
    run_id = scene.started()
    branch = scene.run(run_id).branch
    scene.github.person("alice").push("octo/hello", branch, {"README.md": "evil\n"}, f"It works\n\nBellhop-Run: {run_id}")
    scene.work(run_id, FIX)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Refused)
    assert outcome.reason == "branch_moved"
    assert scene.github.pull_requests("octo/hello") == []
    assert scene.github.read("octo/hello", branch, "README.md") == "evil\n"


def test_a_branch_that_somebody_moved_is_said_before_the_agent_works_on_it_again(scene: Scene) -> None:
    first = scene.started()
    scene.work(first, FIX)
    scene.pump()
    [branch] = scene.branches()
    scene.github.person("alice").push("octo/hello", branch, {"README.md": "mine\n"}, "Mine")
    # A label begins anew, at the default branch; a comment goes on with what stands there (test_conversations.py).
    second = scene.routed()
    scene.pump()
    outcome = scene.outcome(second)
    assert isinstance(outcome, Refused)
    assert outcome.reason == "branch_moved"
    assert scene.backend.find() == {}
    with scene.database.read() as tx:
        assert sandboxes.of_run(tx, second) == []
    assert "Merge or delete that branch first" in scene.comments()[-1].body


def test_another_repository_under_the_old_name_is_not_taken_for_ours(scene: Scene) -> None:
    """T25, R28: the token is minted for the id; what is cloned and commented goes by name."""
    run_id = scene.routed()
    scene.github.rename_repository("octo/hello", "moved")
    scene.github.add_repository(
        SeedRepository(full_name="octo/hello", id=6666, private=False, files={"README.md": "somebody else's\n"})
    )
    start(scene.parts, run_id)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Failed), outcome
    assert not scene.parts.workspaces.mirror(scene.run(run_id).event.repo).exists()


def test_a_sandbox_that_fills_the_disk_is_stopped_and_the_person_told(scene: Scene) -> None:
    """T60, R16: files of any number, each below the limit, must not fill the host's disk."""
    scene.profiles["fix"] = profile(container={"isolation": "process", "disk-mb": 16})
    run_id = scene.started()
    written = scene.settings.state_dir / "scratch" / f"{run_id}-work" / "home"
    (written / "one").write_bytes(b"x" * (9 << 20))
    sweep(scene.parts)
    assert scene.run(run_id).state == "running"
    (written / "two").write_bytes(b"x" * (9 << 20))
    sweep(scene.parts)
    scene.pump()
    assert f"{run_id}-work" in scene.backend.stopped
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Failed)
    assert (outcome.reason, "`disk-mb: 16`" in outcome.text) == ("disk", True)
    assert scene.left() == []
