"""Which HOME a follow-up may have: never one of another thread, repository or profile, or of more rights."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.event import Pull
from app.core.profile import Profile
from app.core.run import Run
from app.core.sandbox.follow_up import why_a_home_of_its_own
from tests.app.publish.conftest import MakeRun, make_run

__all__ = ["make_run"]
READABLE = ("contents",)


def changed(run: Run, **changes: Any) -> Run:
    return run.model_copy(update=changes)


def profile(run: Run, **members: Any) -> Profile:
    return Profile.model_validate(run.profile.model_dump(by_alias=True) | members)


def test_a_follow_up_of_the_same_thread_has_the_home_of_the_run_before(make_run: MakeRun) -> None:
    assert why_a_home_of_its_own(make_run(), make_run(), READABLE) == ""


def fork(run: Run) -> Run:
    pull = Pull(number=3, state="open", head_repo_id=run.event.repo.id + 1, head_ref="x", head_commit="0" * 40, base_ref="main")
    return changed(run, event=run.event.model_copy(update={"pull": pull}))


@pytest.mark.parametrize("which", ["now", "before"])
def test_t12_a_strangers_files_and_a_home_never_meet(make_run: MakeRun, which: str) -> None:
    run, before = make_run(), make_run()
    why = why_a_home_of_its_own(fork(run), before, READABLE) if which == "now" else why_a_home_of_its_own(run, fork(before), READABLE)
    assert "stranger" in why


def test_t62_a_home_is_for_the_same_case_repository_profile_and_agent_only(make_run: MakeRun) -> None:
    run = make_run()
    repo = run.event.repo.model_copy(update={"id": run.event.repo.id + 1})
    for other, says in (
        (changed(run, case_id="another"), "case"),
        (changed(run, event=run.event.model_copy(update={"repo": repo})), "repository"),
        (changed(run, profile=profile(run, name="other")), "profile"),
        (changed(run, profile=profile(run, agent={"uses": "command"})), "agent"),
        (changed(run, profile=profile(run, workspace="ro")), "could write"),
        (changed(run, profile=profile(run, container=run.profile.container.model_dump(by_alias=True) | {"user": 12})), "user"),
        (changed(run, profile=profile(run, setup={"steps": [{"run": "npm ci"}]})), "setup"),
        (changed(run, cancel_requested=True), "cancelled"),
    ):
        assert says in why_a_home_of_its_own(run, other, READABLE), says


def test_t9_what_one_person_could_read_is_not_shown_to_one_who_can_read_less(make_run: MakeRun) -> None:
    run = make_run()
    before = changed(run, profile=profile(run, permissions={"contents": "read", "security_events": "read"}))
    assert why_a_home_of_its_own(before, before, ("contents", "security_events")) == ""
    assert "read more" in why_a_home_of_its_own(before, before, ("contents",))
    assert "read more" in why_a_home_of_its_own(run, before, READABLE)


def test_t62_what_another_registry_or_a_new_way_out_would_meet_is_not_given(make_run: MakeRun) -> None:
    """A private registry's files are in that HOME; whoever gets it must not reach where nobody could when it was written."""
    run = make_run()

    def reaching(*registries: str, connect: tuple[str, ...] = ()) -> Run:
        return changed(run, profile=profile(run, egress={"registries": registries, "connect": connect}))

    for now, before, says in (
        (reaching(), reaching("acme"), "registries"),
        (reaching("other"), reaching("acme"), "registries"),
        (reaching(connect=("paste.example.com",)), reaching(), "hosts"),
        (reaching("acme", "other"), reaching("acme"), ""),
        (reaching(), reaching(connect=("api.example.com",)), ""),
    ):
        why = why_a_home_of_its_own(now, before, READABLE)
        assert says in why
        assert bool(says) == bool(why)
