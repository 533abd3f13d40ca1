"""Where a run speaks whose event has no issue: in the pull request that it opens, else in an issue of its own, else nowhere."""

from __future__ import annotations

import pytest

from app.core.outcome import Held
from app.core.run import COMMENT
from app.emulators.github.state import Issue
from app.ledger import outbox
from tasks.route import route
from tasks.start import start
from tests.tasks.scene import BOB, Scene, profile

FIX = {"README.md": "hello, world\n"}


def begun(scene: Scene) -> str:
    """Let a run begin whose event has no number, with its sandbox up."""
    inbox_id = scene.ring(number=None)
    route(scene.parts, inbox_id)
    run_id = scene.entry(inbox_id).run_id
    assert run_id is not None, scene.entry(inbox_id)
    start(scene.parts, run_id)
    return run_id


def opened(scene: Scene) -> list[Issue]:
    """What Bellhop has opened that is no pull request."""
    repo = scene.github.repository("octo/hello")
    return [issue for issue in repo.issues.values() if issue.pull is None and issue.user == scene.github.app.bot]


def fails(scene: Scene) -> str:
    run_id = begun(scene)
    scene.work(run_id, exit_code=1)
    scene.pump()
    assert scene.outcome(run_id).kind == "failed"
    return run_id


def test_an_issue_is_opened_for_the_first_word_that_a_person_must_read_and_for_all_later_ones(scene: Scene) -> None:
    run_id = begun(scene)
    assert opened(scene) == []
    scene.work(run_id, exit_code=1)
    scene.pump()
    [home] = opened(scene)
    assert home.title == "Bellhop: It breaks"
    fails(scene)
    assert opened(scene) == [home]
    assert ["That did not work" in comment.body for comment in scene.comments(home.number)] == [True, True]
    scene.github.person("alice").close("octo/hello", home.number)
    fails(scene)
    assert len(opened(scene)) == 2
    assert len(scene.comments(home.number)) == 2
    with scene.database.read() as tx:
        assert outbox.due(tx) == []
    assert scene.github.live_tokens() == []


def test_what_nobody_has_to_read_opens_nothing(scene: Scene) -> None:
    run_id = begun(scene)
    scene.work(run_id)
    scene.pump()
    assert scene.outcome(run_id).kind == "nothing_to_do"
    assert opened(scene) == []


def test_a_silent_profile_opens_nothing(scene: Scene) -> None:
    scene.profiles["fix"] = profile(reply="silent")
    fails(scene)
    assert opened(scene) == []


def test_the_pull_request_of_a_run_is_its_place(scene: Scene) -> None:
    run_id = begun(scene)
    scene.work(run_id, FIX)
    scene.pump()
    [pull] = scene.github.pull_requests("octo/hello")
    [comment] = scene.comments(pull.number)
    assert "Not verified" in comment.body
    assert opened(scene) == []
    # What is said there goes on with it.
    entry = scene.ring(kind="issue_comment.created", said="@bellhop more", number=pull.number, is_pull_request=True)
    route(scene.parts, entry)
    follow_up = scene.entry(entry).run_id
    assert follow_up is not None
    assert scene.run(follow_up).parent_id == run_id


def test_the_issue_of_a_run_is_a_part_of_its_conversation(scene: Scene) -> None:
    run_id = fails(scene)
    [home] = opened(scene)
    entry = scene.ring(kind="issue_comment.created", said="@bellhop once more", number=home.number)
    route(scene.parts, entry)
    follow_up = scene.entry(entry).run_id
    assert follow_up is not None
    assert scene.run(follow_up).parent_id == run_id
    assert any("On it" in comment.body for comment in scene.comments(home.number))
    # As anywhere, whoever may not write rings nothing there.
    other = scene.ring(kind="issue_comment.created", said="@bellhop mine", number=home.number, actor=BOB)
    route(scene.parts, other)
    assert "not_permitted" in str(scene.entry(other).decision)


def test_a_question_opens_the_issue_once_and_is_asked_in_it(scene: Scene) -> None:
    run_id = begun(scene)
    with scene.database.begin() as tx:
        outbox.put(tx, run_id, "question-7", "which one?\n\n<!-- bellhop-run: x question-7 -->")
        outbox.put(tx, run_id, COMMENT, "The agent asks")
    scene.recover(2)
    [home] = opened(scene)
    said = [comment.body for comment in scene.comments(home.number)]
    assert len(said) == 2
    assert any("which one?" in body for body in said)


@pytest.mark.parametrize("reply", ["issue", "silent"])
def test_what_waits_for_an_approval_opens_the_issue_in_which_it_is_given(scene: Scene, reply: str) -> None:
    scene.profiles["fix"] = profile(reply=reply, autonomy="suggest")
    run_id = begun(scene)
    scene.work(run_id, FIX)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Held)
    [home] = opened(scene)
    said = f"@bellhop approve {outcome.binds[:7]}"
    route(scene.parts, scene.ring(kind="issue_comment.created", said=said, number=home.number))
    scene.pump()
    [pull] = scene.github.pull_requests("octo/hello")
    assert scene.github.branches("octo/hello")[scene.branches()[0]] == outcome.binds
    assert [comment.body.split(":")[0] for comment in scene.comments(pull.number)] == ["Pull request"]
