"""A review is taken with its comments, once, however often it is decided on."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.event import Event
from app.ledger import inbox
from tasks import route as route_module
from tasks.route import route
from tests.github_at_work import REPO
from tests.tasks.scene import ALICE, Scene, profile

HELLO = "octo/hello"


def test_a_review_whose_decision_was_overtaken_brings_its_comments_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.profiles["fix"] = profile(on={"pull_request_review": {}})
    alice = scene.github.person("alice")
    alice.push(HELLO, "feat", {"a.txt": "a\n"})
    pull = alice.open_pull(HELLO, "feat", "A change")
    review = alice.review(HELLO, pull.number, "commented", "@bellhop see below", ("a.txt", 1, "rename this"))
    event = Event(
        source="github", kind="pull_request_review.submitted", delivery_key="r-1", thread=f"github:{HELLO}#{pull.number}", actor=ALICE,
        repo=REPO, url="https://github.invalid/x", text="@bellhop see below", number=pull.number, is_pull_request=True, review="commented",
        review_id=review.id, branch="main",
    )
    with scene.database.begin() as tx:
        inbox_id = inbox.store(tx, event).id
    carry_out, tries = route_module._carry_out, []

    def overtaken_once(*arguments: Any) -> Any:
        tries.append(arguments)
        if len(tries) == 1:
            raise route_module._Overtaken
        return carry_out(*arguments)

    monkeypatch.setattr(route_module, "_carry_out", overtaken_once)
    route(scene.parts, inbox_id)
    run_id = scene.entry(inbox_id).run_id
    assert run_id is not None, scene.entry(inbox_id)
    assert len(tries) == 2
    assert scene.run(run_id).event.text.count("rename this") == 1
