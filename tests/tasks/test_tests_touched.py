"""A result that deletes or skips tests says so before all else, whatever its profile is."""

from __future__ import annotations

from app.core.outcome import PullRequest
from tests.tasks.scene import Scene

HELLO = "octo/hello"
TESTS = "import pytest\n\n\ndef test_one():\n    assert one() == 1\n\n\ndef test_two():\n    assert two() == 2\n"


def test_t72_deleted_and_skipped_tests_are_the_pull_requests_first_line(scene: Scene) -> None:
    scene.github.person("alice").push(HELLO, "main", {"test_app.py": TESTS})
    run_id = scene.started()
    changed = TESTS.replace("def test_two", "@pytest.mark.skip\ndef test_two").replace("def test_one():\n    assert one() == 1\n", "")
    scene.work(run_id, {"test_app.py": changed}, said="all tests pass")
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest), outcome
    assert not outcome.draft
    assert outcome.warnings == ("deletes a test: test_app.py: test_one", "skips a test: test_app.py: test_two")
    body = scene.github.issue(HELLO, outcome.number).body or ""
    assert body.splitlines()[0] == "**Deletes or skips tests:** `test_app.py: test_one` (deleted), `test_app.py: test_two` (skipped)"
    assert "deletes a test: " in scene.comments()[0].body.replace("\\", "")
