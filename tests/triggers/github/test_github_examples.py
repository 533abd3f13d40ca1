"""Every example that GitHub's own library publishes: an Event, a reason, or a kind that nobody knows, and never an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.core.event import Ci, Event, Ignored, Parsed, Pull, Spot, Unknown
from app.core.roster import Known, Roster
from triggers.github.parse import READERS, parse

# `tests/payloads/github/webhooks` has the three kinds that the road began with as files; here are all others, cut to what may be read.
OTHERS = Path(__file__).resolve().parents[2] / "payloads" / "github" / "webhooks" / "others.jsonl"
EXAMPLES = [json.loads(line) for line in OTHERS.read_text(encoding="utf-8").splitlines()]


def told(example: dict[str, Any]) -> Parsed:
    return parse(example["event"], "d-1", example["payload"])


def the(event: str, example: str) -> Event:
    found = next(each for each in EXAMPLES if (each["event"], each["example"]) == (event, example))
    result = told(found)
    assert isinstance(result, Event)
    return result


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example['event']}/{example['example']}")
def test_an_example_is_an_event_or_has_a_reason(example: dict[str, Any]) -> None:
    result = told(example)
    event, payload = example["event"], example["payload"]
    reader = READERS.get(event)
    if reader is None:
        assert isinstance(result, Ignored | Unknown | Roster)
    elif reader.actions is not None and payload["action"] not in reader.actions:
        why = "edited" if payload["action"] == "edited" else "action_not_used"
        assert result == Ignored(source="github", kind=f"{event}.{payload['action']}", reason=why)
    elif isinstance(result, Event):
        assert Event.model_validate_json(result.model_dump_json()) == result
        assert told(example) == result
    else:
        assert isinstance(result, Ignored)
        assert result.reason in ("bot", "not_a_branch", "branch_deleted")


def test_the_examples_are_all_there() -> None:
    assert len(EXAMPLES) == 234
    assert sum(isinstance(told(example), Event) for example in EXAMPLES) == 34


def test_nothing_that_github_publishes_is_unknown() -> None:
    assert {example["event"] for example in EXAMPLES if isinstance(told(example), Unknown)} == set()


def test_a_review_is_read_in_full() -> None:
    event = the("pull_request_review", "submitted")
    assert (event.kind, event.thread, event.number, event.is_pull_request) == (
        "pull_request_review.submitted", "github:Codertocat/Hello-World#2", 2, True,
    )
    assert (event.review, event.text, event.branch) == ("commented", "", "master")
    assert event.occurred_at == "2019-05-15T15:20:38Z"
    assert event.pull == Pull(
        number=2, state="open", head_repo_id=186853002, head_ref="changes", head_commit="ec26c3e57ca3a959ca5aad62de7213c562f8c821",
        base_ref="master",
    )


def test_a_review_comment_is_read_in_full() -> None:
    event = the("pull_request_review_comment", "created")
    assert (event.text, event.comment_id) == ("Maybe you should use more emoji on this line.", 284312630)
    assert event.spot == Spot(path="README.md", line=265, hunk="@@ -1 +1 @@\n-# Hello-World")


def test_a_review_request_names_who_was_asked() -> None:
    assert the("pull_request", "review_requested").reviewer == "octocat"


def test_a_failed_workflow_is_its_pull_requests() -> None:
    event = the("workflow_run", "completed.with-pull-requests")
    assert (event.kind, event.number, event.branch) == ("workflow_run.completed", None, "master")
    # Its one pull request is of another repository, in this example.
    assert event.thread == f"github:{event.repo.full_name}@master"
    assert event.ci == Ci(
        id=289782451, name="", conclusion="success", head_commit="3484a3fb816e0859fd6e1cea078d76385ff50625", head_branch="master",
        head_repo_id=300029405,
    )


def test_a_check_suite_belongs_to_its_pull_request() -> None:
    event = the("check_suite", "completed")
    assert (event.thread, event.number, event.is_pull_request) == ("github:Codertocat/Hello-World#2", 2, True)
    assert event.ci is not None
    assert (event.ci.conclusion, event.ci.head_branch) == ("success", "changes")
    assert event.url == "https://github.com/Codertocat/Hello-World/commit/ec26c3e57ca3a959ca5aad62de7213c562f8c821"


def test_a_button_is_read_with_its_check() -> None:
    event = the("check_run", "requested_action")
    assert (event.button, event.number) == ("lgtm|26764", 26764)
    assert event.actor.kind == "person"
    # A press is a happening each time: GitHub tells no time of it.
    assert event.intent_key is None


def test_a_push_names_its_branch_and_what_it_changes() -> None:
    event = the("push", "with-new-branch")
    assert (event.kind, event.number, event.branch) == ("push", None, "master")
    assert event.text.startswith("The branch master is new, and stands at ")
    assert event.thread == "github:Codertocat/Hello-World@master"
    assert event.paths == ("README.md",)


def test_t26_a_pushs_commits_are_told_newest_last_and_bounded() -> None:
    example = next(each for each in EXAMPLES if (each["event"], each["example"]) == ("push", "with-new-branch"))
    [commit] = example["payload"]["commits"]
    many = [{**commit, "message": f"number {number}\n" + "\n" * 50_000 + "end"} for number in range(30)]
    event = told({**example, "payload": {**example["payload"], "commits": many, "forced": True, "before": "b" * 40}})
    assert isinstance(event, Event)
    assert "stood at " + "b" * 40 in event.text
    assert "It was rewritten" in event.text
    assert "(10 earlier commits of this push are not shown)" in event.text
    assert [f"number {number}\n" in event.text for number in (9, 10, 29)] == [False, True, True]
    assert event.text.index("number 10\n") < event.text.index("number 29\n")
    assert len(event.text) < 50_000


def test_a_status_is_of_the_one_branch_that_holds_it() -> None:
    event = the("status", "payload")
    assert event.ci is not None
    assert (event.ci.name, event.ci.conclusion) == ("default", "success")
    assert (event.branch, event.thread) == (None, "github:Codertocat/Hello-World@6113728f27ae82c7b1a177c8d03f9e96e0adf246")
    assert the("status", "with-author-committer-null").branch == "master"


def the_news(event: str, example: str) -> Roster:
    result = told(next(each for each in EXAMPLES if (each["event"], each["example"]) == (event, example)))
    assert isinstance(result, Roster)
    return result


def test_news_of_an_installation_names_what_it_covers() -> None:
    created = the_news("installation", "created")
    assert created.installation == "same"
    assert created.here == (Known(id=186853002, full_name="Codertocat/Hello-World"),)
    assert the_news("installation", "deleted").installation == "gone"
    removed = the_news("installation_repositories", "removed")
    assert (removed.here, len(removed.gone)) == ((), 1)


def test_news_of_a_repository_counts_only_where_the_app_is_installed() -> None:
    for example in EXAMPLES:
        if example["event"] == "repository":
            result = told(example)
            assert isinstance(result, Roster) == ("installation" in example["payload"] and example["payload"]["action"] in (
                "created", "deleted", "archived", "unarchived", "renamed", "transferred", "edited",
            )), example["example"]
