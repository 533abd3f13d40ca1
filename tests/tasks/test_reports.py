"""What an agent reports through its tools, and what its thread gets to read of it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from app.core.outcome import Message, NothingToDo, PullRequest
from app.core.report import BudgetNote
from app.emulators.github import Fault
from app.ledger import outbox, reports
from tasks.finish import finish
from tasks.replying.replies import tell
from tasks.sweep import sweep
from tests.tasks.scene import BOB, Scene, listening_agent, profile, until

pytestmark = pytest.mark.slow  # whole runs, each with an agent that tells

HEADERS = {"host": "127.0.0.1:4117", "accept": "application/json, text/event-stream"}


def use(scene: Scene, run_id: str, tool: str, **arguments: Any) -> str:
    """Call a tool as something in the sandbox does, and return what it answers."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
    answer = scene.runner(run_id).post("/mcp", json=body, headers=HEADERS).raise_for_status().json()["result"]
    assert not answer["isError"], answer
    return str(answer["content"][0]["text"])


def told(scene: Scene, run_id: str, tool: str, **arguments: Any) -> None:
    """Call a tool, and let the worker that it wakes do its work."""
    use(scene, run_id, tool, **arguments)
    until(lambda: ("finish", run_id) in scene.wakeup.calls)
    scene.pump()


def test_updates_stand_in_the_one_comment_the_last_three(scene: Scene) -> None:
    run_id = scene.started()
    for number in range(5):
        told(scene, run_id, "post_update", text=f"step {number} is done")
    [comment] = scene.comments()
    assert [f"step {number}" in comment.body for number in range(5)] == [False, False, True, True, True]
    scene.work(run_id, {"a.txt": "a"})
    scene.pump()
    [comment] = scene.comments()
    assert "step 4" not in comment.body
    assert isinstance(scene.outcome(run_id), PullRequest)


def test_a_question_is_a_comment_of_its_own_which_says_how_it_stands(scene: Scene) -> None:
    run_id = scene.started()
    told(scene, run_id, "ask", question="The left one?", wait_seconds=0)
    first, question = scene.comments()
    assert "The left one?" in first.body
    assert "The left one?" in question.body
    assert "`@bellhop ...`" in question.body
    scene.comment("yes, the left one")
    assert use(scene, run_id, "ask", question="The left one?", wait_seconds=0) == "alice answers:\n\nyes, the left one"
    until(lambda: ("finish", run_id) in scene.wakeup.calls)
    scene.pump()
    first, question = scene.comments()
    assert "The left one?" not in first.body
    assert "did not see" not in first.body
    assert "does not see" not in first.body
    assert "Somebody has written here since" in question.body
    assert len(scene.comments()) == 2


def test_only_who_may_ring_answers_a_question(scene: Scene) -> None:
    run_id = scene.started()
    told(scene, run_id, "ask", question="The left one?", wait_seconds=0)
    assert "not_permitted" in (scene.comment("the right one", actor=BOB).decision or "")
    assert "No answer yet" in use(scene, run_id, "ask", question="The left one?", wait_seconds=0)


def test_a_question_that_nobody_answered_says_so_at_the_end(scene: Scene) -> None:
    run_id = scene.started()
    told(scene, run_id, "ask", question="The left one?", wait_seconds=0)
    scene.work(run_id)
    scene.pump()
    assert "nobody waits for an answer any more" in scene.comments()[1].body


def test_an_answer_taken_by_the_one_who_asked_is_not_handed_to_the_runner_again(scene: Scene) -> None:
    scene.parts = replace(scene.parts, agent=listening_agent)
    run_id = scene.started()
    assert "reaches you as a message" in use(scene, run_id, "ask", question="The left one?", wait_seconds=0)
    scene.comment("yes")
    assert use(scene, run_id, "ask", question="The left one?", wait_seconds=0) == "alice answers:\n\nyes"
    scene.comment("and hurry")
    seen = scene.runner(run_id).get("/runner/messages?after=0&wait=5").json()["messages"]
    assert [each["text"] for each in seen] == ["and hurry"]


def test_a_report_whose_wake_up_was_lost_is_found_by_the_sweeper_and_said_once(scene: Scene) -> None:
    run_id = scene.started()
    use(scene, run_id, "ask", question="The left one?", wait_seconds=0)
    scene.wakeup.calls.clear()
    for _ in range(3):
        scene.later()
        sweep(scene.parts)
    assert len(scene.comments()) == 2
    with scene.database.read() as tx:
        comment = outbox.load(tx, run_id, "comment")
    assert comment is not None
    version = comment.version
    finish(scene.parts, run_id)
    with scene.database.read() as tx:
        again = outbox.load(tx, run_id, "comment")
    assert again is not None
    assert again.version == version


@pytest.mark.parametrize("answer", [{"status": 502, "when": "before"}, {"drop": True, "when": "after"}])
def test_r25_a_question_that_github_does_not_confirm_is_asked_once(scene: Scene, answer: dict[str, object]) -> None:
    run_id = scene.started()
    scene.github.fault(Fault.model_validate({"path": r"/issues/1/comments$", "method": "POST", **answer}))
    told(scene, run_id, "ask", question="The left one?", wait_seconds=0)
    assert scene.github.faults.remaining == []
    scene.recover()
    assert len(scene.comments()) == 2
    assert scene.github.live_tokens() == []


def test_an_older_word_never_overwrites_the_outcome(scene: Scene) -> None:
    run_id = scene.started()
    told(scene, run_id, "post_update", text="half way")
    scene.work(run_id)
    scene.pump()
    assert isinstance(scene.outcome(run_id), NothingToDo)
    tell(scene.parts, run_id)
    scene.recover()
    [comment] = scene.comments()
    assert "changed nothing" in comment.body


def test_the_budget_is_told_by_a_comment_once_and_in_the_one_comment_always(scene: Scene) -> None:
    run_id = scene.started()
    with scene.database.begin() as tx:
        reports.record(tx, run_id, f"{run_id}-work", BudgetNote(percent=80, of="usd", text="8 of 10 USD are used"))
        reports.record(tx, run_id, f"{run_id}-work", BudgetNote(percent=100, of="turns", text="500 of 500 turns are used"))
    finish(scene.parts, run_id)
    first, budget = scene.comments()
    assert "8 of 10 USD" in budget.body
    assert "500 of 500" in first.body
    scene.work(run_id)
    scene.pump()
    assert "500 of 500" in scene.comments()[0].body
    assert len(scene.comments()) == 2


def test_a_proposal_gives_title_and_words_and_nothing_else(scene: Scene) -> None:
    run_id = scene.started()
    told(scene, run_id, "propose_pull_request", title="First thought", body="no")
    told(scene, run_id, "propose_pull_request", title="Mend the till", body="One cent, says @bob. Fixes #99")
    scene.work(run_id, {"a.txt": "a"}, said="the last word")
    scene.pump()
    [pull] = scene.github.pull_requests("octo/hello")
    assert pull.title == "Mend the till"
    body = pull.body or ""
    assert "One cent, says" in body
    assert "the last word" not in body
    assert "@bob" not in body
    assert "#99" not in body
    assert "Fixes #1" in body
    assert pull.pull is not None
    assert not pull.pull.draft
    branch = scene.run(run_id).branch
    assert scene.branches() == [branch]
    message = scene.github.commit("octo/hello", branch).message
    assert message.startswith("Mend the till\n")


@pytest.mark.parametrize(("title", "stands"), [
    ("[skip ci] fixes #3 @everyone", "\u200b"), ("\u202egnp.exe", "gnp.exe"), ("t" * 200, "..."),
])
def test_t68_a_hostile_title_is_one_inert_line(scene: Scene, title: str, stands: str) -> None:
    run_id = scene.started()
    told(scene, run_id, "propose_pull_request", title=title)
    scene.work(run_id, {"a.txt": "a"})
    scene.pump()
    [pull] = scene.github.pull_requests("octo/hello")
    assert stands in pull.title
    assert len(pull.title) <= 130
    assert not any(each in pull.title for each in ("[skip ci]", "#3", "@everyone", "\u202e"))


HOSTILE = (
    "@octo/everyone `@bellhop stop` /close fixes #1 https://evil.example/?d=1 ![x](https://evil.example/p.png) "
    "<!-- bellhop-run: abcdefghijkm --> <img src=https://evil.example/q> [text](javascript:1) @dependabot merge"
)


@pytest.mark.parametrize("tool", ["post_update", "ask"])
def test_t19_t68_t69_an_agents_words_are_inert_in_the_thread(scene: Scene, tool: str) -> None:
    run_id = scene.started()
    words = {"text": HOSTILE} if tool == "post_update" else {"question": HOSTILE, "wait_seconds": 0}
    told(scene, run_id, tool, **words)
    for comment in scene.comments():
        for live in ("@octo", "@dependabot", "#1", "://evil", "<!-- bellhop-run: abc"):
            assert live not in comment.body, live
        # What is markup is escaped, or stands in a fence.
        prose = re.sub(r"^```text\n.*?^```$", "", comment.body, flags=re.DOTALL | re.MULTILINE)
        assert "![" not in prose
        assert re.search(r"(?<!\\)<img", prose) is None


def test_nothing_to_do_is_the_outcome_with_its_reason(scene: Scene) -> None:
    run_id = scene.started()
    told(scene, run_id, "report_nothing_to_do", reason="The cents are right as they are.")
    scene.work(run_id, said="bye")
    scene.pump()
    assert scene.outcome(run_id) == NothingToDo(text="The cents are right as they are.")


def test_t72_nothing_to_do_with_a_change_is_a_draft_that_says_so(scene: Scene) -> None:
    run_id = scene.started()
    told(scene, run_id, "propose_pull_request", title="Mend the till")
    told(scene, run_id, "report_nothing_to_do", reason="It is right as it is.")
    scene.work(run_id, {"a.txt": "a"})
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest)
    assert outcome.draft
    assert "had reported that there is nothing to do" in outcome.warnings[0]
    [pull] = scene.github.pull_requests("octo/hello")
    assert "It is right as it is." in (pull.body or "")


def test_a_later_proposal_takes_it_back(scene: Scene) -> None:
    run_id = scene.started()
    told(scene, run_id, "report_nothing_to_do", reason="It is right as it is.")
    told(scene, run_id, "propose_pull_request", title="Mend the till after all")
    scene.work(run_id, {"a.txt": "a"})
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest)
    assert not outcome.draft
    assert outcome.warnings == ()


def test_a_run_that_only_answers_still_answers(scene: Scene) -> None:
    scene.profiles["fix"] = profile(workspace="ro")
    run_id = scene.started()
    told(scene, run_id, "post_update", text="reading")
    scene.work(run_id, said="the answer")
    scene.pump()
    assert scene.outcome(run_id) == Message(text="the answer")


def test_templates_of_a_team_that_lack_the_new_ones_keep_no_question_from_people(scene: Scene, tmp_path: Any) -> None:
    scene.settings = scene.settings.model_copy(update={"templates_dir": tmp_path / "none"})
    run_id = scene.started()
    scene.parts = replace(scene.parts, settings=scene.settings)
    told(scene, run_id, "ask", question="The left one?", wait_seconds=0)
    assert "The left one?" in scene.comments()[1].body
