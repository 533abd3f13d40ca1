"""What became of Bellhop's pull requests, told by GitHub's events; nothing follows from it."""

from __future__ import annotations

import pytest

from app.core.event import Pull
from app.core.outcome import PullRequest
from app.ledger import inbox, results
from app.ledger.results import Tally
from tasks.route import route
from tasks.start import start
from tests.github_at_work import REPO
from tests.tasks.scene import Scene, profile


def published(scene: Scene) -> PullRequest:
    run_id = scene.started()
    scene.work(run_id, {"README.md": "hello, world\n"})
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest), outcome
    return outcome


def over(scene: Scene, number: int, *, head: str, merged: bool, text: str = "", kind: str = "pull_request.closed") -> str:
    inbox_id = scene.ring(kind=kind, number=number, is_pull_request=True, said=text)
    entry = scene.entry(inbox_id)
    pull = Pull(number=number, state="closed", merged=merged, head_repo_id=REPO.id, head_ref="x", head_commit=head, base_ref="main")
    scene.sql("DELETE FROM inbox WHERE id = :id", id=inbox_id)
    with scene.database.begin() as tx:
        inbox_id = inbox.store(tx, entry.event.model_copy(update={"pull": pull})).id
    route(scene.parts, inbox_id)
    return str(scene.entry(inbox_id).decision)


def tally(scene: Scene) -> Tally:
    with scene.database.read() as tx:
        [found] = results.tallies(tx)
    return found


@pytest.mark.parametrize(("merged", "is_own", "expected"), [
    (True, True, {"merged": 1}), (True, False, {"merged": 1, "reworked": 1}), (False, True, {"closed": 1}),
], ids=["merged", "reworked", "closed"])
def test_how_a_pull_request_ended_counts_for_its_profile(scene: Scene, merged: bool, is_own: bool, expected: dict[str, int]) -> None:
    # Every pull request event rings, and the end of one does not.
    scene.profiles["fix"] = profile(on={"issues": {}, "pull_request": {}})
    made = published(scene)
    assert tally(scene) == Tally("fix", "octo/hello", 1, 1, 0, 0, 0, 0, 0)
    head = scene.github.branches("octo/hello")[made.branch] if is_own else "f" * 40
    decision = over(scene, made.number, head=head, merged=merged)
    assert decision.startswith("ignore: no_profile")
    assert tally(scene) == Tally("fix", "octo/hello", 1, **{"open": 0, "merged": 0, "closed": 0, "reverted": 0, "reworked": 0, **expected}, cost_micro_usd=0)


def test_one_that_was_reverted_is_said_to_be(scene: Scene) -> None:
    made = published(scene)
    head = scene.github.branches("octo/hello")[made.branch]
    over(scene, made.number, head=head, merged=True)
    # Words that are no line of their own, and another repository's, revert nothing.
    over(scene, 8, head=head, merged=True, text=f"Reverts other/hello#{made.number}\nsays Reverts octo/hello#{made.number}")
    assert tally(scene).reverted == 0
    over(scene, 9, head=head, merged=True, text=f"Reverts octo/hello#{made.number}")
    assert tally(scene).reverted == 1


def test_one_that_is_opened_again_is_open(scene: Scene) -> None:
    made = published(scene)
    over(scene, made.number, head="f" * 40, merged=False)
    over(scene, made.number, head="f" * 40, merged=False, kind="pull_request.reopened")
    assert (tally(scene).open, tally(scene).closed, tally(scene).reworked) == (1, 0, 0)


def test_one_that_a_clock_or_a_webhook_has_asked_for_counts_too(scene: Scene) -> None:
    run_id = scene.routed()
    scene.sql("""UPDATE runs SET event = replace(event, '"source":"github"', '"source":"schedule"')""")
    start(scene.parts, run_id)
    scene.work(run_id, {"README.md": "hello, world\n"})
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest), outcome
    over(scene, outcome.number, head="f" * 40, merged=True)
    assert (tally(scene).merged, tally(scene).open) == (1, 0)
