"""A review as a result: what of an agent's words it holds, where they stand, and that there is one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.core.outcome import Message, Review
from app.core.profile import faults
from app.core.result.reviewing import Remark, remarks_in, sort
from app.emulators.github import Fault
from app.emulators.github.state import Issue
from app.git import Git
from app.publish.shown_lines import merge_base, shown_lines
from tasks.route import route
from tasks.start import start
from tests.tasks.scene import ALICE, Scene, profile

HELLO = "octo/hello"


def remark(line: int, path: str = "app.py", text: str = "odd") -> dict[str, Any]:
    return {"path": path, "line": line, "text": text}


def said(*remarks: dict[str, Any]) -> str:
    return f"It looks right.\n\n```review\n{json.dumps(list(remarks))}\n```\n"


@pytest.fixture
def reviewing(scene: Scene) -> Scene:
    scene.profiles["fix"] = profile(workspace="ro", review={"max-comments": 2})
    return scene


def reviewed(scene: Scene, words: str) -> tuple[str, Issue]:
    """Have alice ask for a review of her pull request, and the agent say these words in it."""
    alice = scene.github.person("alice")
    alice.push(HELLO, "feature", {"app.py": "one\ntwo\n"})
    number = alice.open_pull(HELLO, "feature", "A feature").number
    inbox_id = scene.ring(actor=ALICE, kind="issue_comment.created", said="@bellhop review", number=number, is_pull_request=True)
    route(scene.parts, inbox_id)
    run_id = scene.entry(inbox_id).run_id
    assert run_id is not None, scene.entry(inbox_id)
    start(scene.parts, run_id)
    scene.work(run_id, said=words)
    return run_id, scene.github.issue(HELLO, number)


def test_a_review_is_posted_once_whatever_is_lost(reviewing: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    words = said(remark(2), remark(9), remark(1, text="one too many"))
    monkeypatch.setattr("app.execute.agents.command.Command.final_message", lambda _self, _steps: words)
    reviewing.github.fault(Fault(path=r"/reviews$", method="POST", when="after", drop=True))
    run_id, pull = reviewed(reviewing, "said")
    reviewing.pump()
    reviewing.recover(2)
    outcome = reviewing.outcome(run_id)
    assert isinstance(outcome, Review)
    [review] = pull.reviews
    assert (review.state, outcome.comments, outcome.elsewhere) == ("commented", 1, 1)
    assert [(each.path, each.line) for each in pull.review_comments] == [("app.py", 2)]
    assert "1 more comments were left out" in review.body
    assert "```review" not in review.body


def test_lines_that_the_service_does_not_take_are_said_in_the_review(reviewing: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.execute.agents.command.Command.final_message", lambda _self, _steps: said(remark(2)))
    reviewing.github.fault(Fault(path=r"/reviews$", method="POST", status=422, body={"message": "Line could not be resolved"}))
    run_id, pull = reviewed(reviewing, "said")
    reviewing.pump()
    [review] = pull.reviews
    assert pull.review_comments == []
    assert "app.py:2" in review.body
    outcome = reviewing.outcome(run_id)
    assert isinstance(outcome, Review)
    assert (outcome.comments, outcome.elsewhere) == (0, 1)


def test_r30_somebody_who_may_no_more_has_no_review_posted(reviewing: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.execute.agents.command.Command.final_message", lambda _self, _steps: said(remark(2)))
    run_id, pull = reviewed(reviewing, "said")
    reviewing.github.set_role(HELLO, "alice", "read")
    reviewing.pump()
    assert pull.reviews == []
    assert getattr(reviewing.outcome(run_id), "reason", "") == "not_permitted"


def test_without_a_pull_request_it_is_a_message(reviewing: Scene) -> None:
    run_id = reviewing.started()
    reviewing.work(run_id, said="words")
    reviewing.pump()
    assert isinstance(reviewing.outcome(run_id), Message)


@pytest.mark.parametrize("text", ["no block", "```review\nnot json\n```", '```review\n[{"path": "a"}]\n```', "```review\n[]\n"])
def test_what_is_no_block_of_remarks_stays_words(text: str) -> None:
    assert remarks_in(text) == (text, ())


def test_remarks_are_taken_once_and_bounded() -> None:
    taken = [Remark(path="a", line=1, text="x"), Remark(path="a", line=1, text="x"), Remark(path="a", line=7, text="y"), Remark(path="b", line=1, text="z")]
    found = sort(taken, {"a": frozenset({1, 2})}, 2)
    assert ([each.text for each in found.on_lines], [each.text for each in found.elsewhere], found.left_out) == (["x"], ["y"], 1)


def test_the_lines_that_a_change_shows(scene: Scene) -> None:
    alice, github = scene.github.person("alice"), scene.github
    alice.push(HELLO, "main", {"long.txt": "".join(f"{number}\n" for number in range(1, 41)), "gone.txt": "x\n"})
    # A line that looks like a patch's own, in both directions.
    changed = ["".join(f"{number}\n" for number in range(1, 20)), "++ b/other.txt\n", "".join(f"{number}\n" for number in range(20, 41))]
    alice.push(HELLO, "feature", {"long.txt": "".join(changed), "new.txt": "one\n@@ -1 +90 @@\n", "gone.txt": None}, start="main")
    alice.push(HELLO, "main", {"later.txt": "later\n"})
    path, head = github.repository(HELLO).path, github.branches(HELLO)["feature"]
    base = merge_base(Git(), path, "refs/heads/main", head)
    found = shown_lines(Git(), path, base, head)
    assert found["long.txt"] == frozenset(range(17, 24))
    assert found["new.txt"] == frozenset({1, 2})
    assert set(found) <= {"long.txt", "new.txt"}


def test_a_review_is_in_words() -> None:
    assert [key for key, _ in faults(profile(review={}))] == [("review",)]
    assert list(faults(profile(review={}, workspace="ro"))) == []
