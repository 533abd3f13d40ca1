"""decide() on ends of CI: which profile takes them, who stands for them, and what is not worth a run."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.decide import Facts, Ignore, Start, decide, needs_ci, needs_permission
from app.core.deciding.ci_head import Piece
from app.core.deciding.decide_ci import CiFacts, supposed
from app.core.deciding.rehearsal import Past, rehearse
from app.core.event import OPERATOR, Actor, Ci
from tests.app.core.test_decide import BOT, event, profile, reason

HEAD, OLD = "a" * 40, "b" * 40
CI = profile("ci", on={"workflow_run": {}})
ADA = Actor(id="7", login="ada", kind="person")
MACHINE = Actor(id="8", login="github-actions[bot]", kind="bot")


def ended(conclusion: str = "failure", *, kind: str = "workflow_run.completed", ci: dict[str, Any] | None = None, **changes: Any) -> Any:
    piece = Ci.model_validate({"id": 1, "name": "Tests", "conclusion": conclusion, "head_commit": HEAD, "head_branch": "feature", **(ci or {})})
    return event(kind, label=None, labels=(), branch="feature", ci=piece, **{"actor": ADA, **changes})


def piece(conclusion: str, name: str = "Tests", kind: str = "workflow_run", **more: Any) -> Piece:
    return Piece.model_validate({"kind": kind, "ci": {"id": 1, "name": name, "conclusion": conclusion, "head_commit": HEAD, "head_branch": "feature", **more}})


def facts(*pieces: Piece, permission: str | None = "write", **more: Any) -> Facts:
    known = {"head_commit": HEAD, "pieces": pieces or (piece("failure"),), "stands_for": "ada stands for it", **more}
    return Facts(bot_login=BOT, actor_permission=permission, ci=CiFacts(**known))


def test_a_failure_starts_a_run_and_says_why() -> None:
    decision = decide(ended(), CI, facts())
    assert decision == Start(profile="ci", why=(
        "profile ci takes workflow_run.completed", f"Tests failed at feature at {HEAD[:12]}", "ada stands for it", "ada has write, needed is write",
    ))


@pytest.mark.parametrize("conclusion", ["success", "cancelled", "skipped", "neutral", "action_required", ""])
def test_only_failures_ring_by_default(conclusion: str) -> None:
    assert reason(decide(ended(conclusion), CI, facts())) == "no_profile"


@pytest.mark.parametrize(("kind", "on", "rings"), [
    ("workflow_run.completed", {"workflow_run": {"workflows": ["Tests"]}}, True),
    ("workflow_run.completed", {"workflow_run": {"workflows": ["Lint"]}}, False),
    ("workflow_run.completed", {"workflow_run": {"branches": ["main"]}}, False),
    ("workflow_run.completed", {"workflow_run": {"branches-ignore": ["feat*"]}}, False),
    ("workflow_run.completed", {"workflow_run": {"conclusions": ["timed_out"]}}, False),
    ("workflow_run.completed", {"check_suite": {}}, False),
    ("check_suite.completed", {"check_suite": {"apps": ["Tests"]}}, True),
    ("check_run.completed", {"check_run": {"names": ["Tests"]}}, True),
    ("check_run.completed", {"check_run": {"names": ["Other"]}}, False),
    ("status", {"status": {"contexts": ["Tests"]}}, True),
    ("status", {"status": {"states": ["error"]}}, False),
])
def test_filters(kind: str, on: dict[str, Any], rings: bool) -> None:
    made = ended(kind=kind)
    decision = decide(made, profile("ci", on=on), facts(piece("failure", kind=kind.partition(".")[0])))
    assert isinstance(decision, Start) == rings


def test_a_push_rings_for_its_branch_and_files() -> None:
    pushed = event("push", label=None, labels=(), branch="main", paths=("src/a.py",), actor=ADA)
    asked = Facts(bot_login=BOT, actor_permission="write")
    assert isinstance(decide(pushed, profile("p", on={"push": {"branches": ["main"], "paths": ["src/**"]}}), asked), Start)
    assert isinstance(decide(pushed.model_copy(update={"paths": None}), profile("p", on={"push": {"paths": ["docs/**"]}}), asked), Start)
    for narrowed in ({"branches": ["dev"]}, {"paths": ["docs/**"]}, {"paths-ignore": ["src/**"]}):
        assert reason(decide(pushed, profile("p", on={"push": narrowed}), asked)) == "no_profile"


def test_t8_a_programs_push_starts_nothing() -> None:
    assert reason(decide(ended(actor=MACHINE), CI, facts())) == "bot"
    assert reason(decide(event("push", label=None, branch="main", actor=MACHINE), profile("p", on={"push": {}}), facts())) == "bot"


@pytest.mark.parametrize("permission", ["none", "read", "triage"])
def test_t9_whoever_has_pushed_the_commit_stands_for_it_and_must_be_allowed_to(permission: str) -> None:
    assert reason(decide(ended(), CI, facts(permission=permission))) == "not_permitted"
    assert reason(decide(ended(), CI, facts(permission=None))) == "permission_unknown"
    assert reason(decide(ended(), CI, facts(stands_for=""))) == "nobody_stands_for_it"


def test_what_the_operators_own_word_has_made_takes_nobodys_permission_and_the_same_caps() -> None:
    made = ended(actor=OPERATOR, number=4)
    unasked: dict[str, Any] = {"permission": None, "is_own": True, "has_pull": True}
    decision = decide(made, CI, facts(**unasked))
    assert isinstance(decision, Start)
    assert decision.why[-1] == "nobody has to be asked: the profile's word is enough"
    for known, slug in (({"stands_for": ""}, "nobody_stands_for_it"), ({"in_case": 3}, "attempts_used_up"), ({"at_head": 1}, "head_done")):
        assert reason(decide(made, CI, facts(**{**unasked, **known}))) == slug


def test_t12_a_forks_ci_starts_nothing() -> None:
    assert reason(decide(ended(ci={"head_repo_id": 999}), CI, facts())) == "fork"
    assert isinstance(decide(ended(ci={"head_repo_id": 1}), CI, facts()), Start)


def test_t13_its_own_check_starts_nothing() -> None:
    made = ended(kind="check_run.completed", ci={"app": "Bellhop"})
    assert reason(decide(made, profile("ci", on={"check_run": {}}), facts(piece("failure", kind="check_run")))) == "own_check"


@pytest.mark.parametrize(("now", "words"), [(OLD, f"stands at {OLD[:12]}"), (None, "is gone")])
def test_what_is_about_an_older_commit_is_passed_over(now: str | None, words: str) -> None:
    decision = decide(ended(), CI, facts(head_commit=now))
    assert reason(decision) == "newer_head"
    assert words in decision.why[-1]


@pytest.mark.parametrize(("known", "slug"), [
    ({"is_live": True, "live_commit": HEAD}, "already_running"), ({"is_live": True, "live_commit": OLD}, "run_under_way"),
    ({"is_live": True}, "run_under_way"), ({"at_head": 1}, "head_done"), ({"in_case": 3}, "attempts_used_up"), ({"is_own": True}, "pull_request_closed"),
])
def test_what_stands_in_the_way_of_a_run(known: dict[str, Any], slug: str) -> None:
    assert reason(decide(ended(), CI, facts(**known))) == slug


def test_a_pull_request_that_was_closed_gets_none() -> None:
    assert reason(decide(ended(number=4), CI, facts())) == "pull_request_closed"
    assert isinstance(decide(ended(number=4), CI, facts(has_pull=True)), Start)


def test_it_waits_for_the_rest_of_the_commits_ci_but_not_for_ever() -> None:
    both = (piece("failure"), piece("", "Lint"))
    assert reason(decide(ended(), CI, facts(*both))) == "ci_under_way"
    assert isinstance(decide(ended(), CI, facts(*both, has_waited=True)), Start)
    # What nobody asks for is not waited for.
    assert isinstance(decide(ended(), profile("ci", on={"workflow_run": {"workflows": ["Tests"]}}), facts(*both)), Start)


def test_what_has_passed_since_is_called_flaky() -> None:
    decision = decide(ended(), CI, facts(piece("success", attempt=2)))
    assert reason(decision) == "passed_since"
    assert "Tests is flaky" in decision.why[-1]
    # Something else of the commit that has failed is worth the run that this end rang for.
    assert isinstance(decide(ended(), CI, facts(piece("success"), piece("failure", "Lint"))), Start)


def test_nothing_is_asked_of_anybody_before_a_profile_takes_it() -> None:
    unasked = Facts(bot_login=BOT)
    assert needs_ci(ended(actor=MACHINE), CI, unasked)
    assert not needs_ci(ended("success"), CI, unasked)
    assert not needs_ci(ended(ci={"head_repo_id": 999}), CI, unasked)
    assert not needs_permission(ended("success"), CI, unasked)
    decision = decide(ended(), CI, unasked)
    assert isinstance(decision, Ignore)
    assert decision.reason == "ci_unknown"
    made, known = supposed(ended(actor=MACHINE))
    imagined = decide(made, CI, unasked.model_copy(update={"ci": known, "actor_permission": "write"}))
    assert isinstance(imagined, Start)
    assert "supposing that feature stands there" in imagined.why[2]
    [guess] = rehearse(CI["ci"], [Past(1, 0, ended(), None)], bot_login=BOT, run_ms=1)
    assert (guess.verdict, guess.why) == ("unknown", "nobody kept whose push it was, and what else of its CI had failed")
