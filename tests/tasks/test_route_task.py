"""Hop 4: every decision, every failure on the way to it, and two events at once."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.core.event import Actor
from app.emulators.github import Fault
from app.ledger import audit, hosts, messages
from tasks.route import MAX_ATTEMPTS, MAX_CRASHES, route
from tasks.start import start
from tests.tasks.mortal import Doom, Killed, mortal
from tests.tasks.scene import BOB, HOST, Scene

PERMISSION = "/collaborators/"


def asked(scene: Scene) -> int:
    with scene.database.read() as tx:
        return int(tx.exec_driver_sql("SELECT count(*) FROM audit WHERE action = 'mint authorise'").scalar_one())


def test_start_saves_a_run_names_the_host_wakes_it_and_says_so(scene: Scene) -> None:
    inbox_id = scene.ring()
    route(scene.parts, inbox_id)
    [run] = scene.all_runs()
    entry = scene.entry(inbox_id)
    assert (entry.state, entry.run_id, run.state, run.host) == ("routed", run.id, "queued", HOST)
    assert (entry.decision or "").startswith("start: profile fix takes issues.labeled")
    assert scene.wakeup.calls == [("start", run.id)]
    [comment] = scene.comments()
    assert "On it" in comment.body
    assert scene.github.live_tokens() == []


def test_the_token_that_led_to_a_run_is_in_its_audit(scene: Scene) -> None:
    run_id = scene.routed()
    route(scene.parts, scene.ring(actor=BOB))
    with scene.database.read() as tx:
        ours = [row for row in audit.of_run(tx, run_id) if row.action.endswith(" authorise")]
        nobodys = tx.exec_driver_sql("SELECT count(*) FROM audit WHERE run_id IS NULL").scalar_one()
    assert [(row.action, row.target) for row in ours] == [
        ("mint authorise", "octo/hello metadata: read"), ("revoke authorise", "octo/hello metadata: read"),
    ]
    # A second event in a thread that has its run starts nothing and asks nobody.
    assert nobodys == 0


def test_r36_an_event_routed_twice_is_one_run(scene: Scene) -> None:
    inbox_id = scene.ring()
    for _ in range(3):
        route(scene.parts, inbox_id)
    scene.later()
    route(scene.parts, inbox_id)
    assert len(scene.all_runs()) == 1
    assert len(scene.comments()) == 1


def test_nobody_is_asked_what_a_program_may(scene: Scene) -> None:
    inbox_id = scene.ring(actor=Actor(id="9", login="dependabot[bot]", kind="bot"))
    route(scene.parts, inbox_id)
    assert scene.entry(inbox_id).state == "ignored"
    assert asked(scene) == 0
    assert scene.all_runs() == []


def test_t7_who_may_only_triage_starts_nothing_and_the_log_says_why(scene: Scene) -> None:
    inbox_id = scene.ring(actor=BOB)
    with capture_logs() as logged:
        route(scene.parts, inbox_id)
    [said] = [each for each in logged if each["event"] == "routed"]
    assert (said["decision"], said["reason"], said["actor"]) == ("Ignore", "not_permitted", "bob")
    assert said["thread"] == "github:octo/hello#1"
    assert "bob has triage, needed is write" in said["why"]
    entry = scene.entry(inbox_id)
    assert entry.state == "ignored"
    assert "not_permitted" in (entry.decision or "")
    assert asked(scene) == 1
    assert (scene.all_runs(), scene.comments()) == ([], [])


def test_a_login_that_somebody_else_has_taken_over_may_nothing(scene: Scene) -> None:
    route(scene.parts, inbox_id := scene.ring(actor=Actor(id="999", login="alice", kind="person")))
    assert "has none" in (scene.entry(inbox_id).decision or "")


def test_an_event_whose_profile_is_gone_is_ignored(scene: Scene) -> None:
    inbox_id = scene.ring()
    scene.profiles.clear()
    route(scene.parts, inbox_id)
    assert "no_profile" in (scene.entry(inbox_id).decision or "")
    assert asked(scene) == 0


def test_a_comment_goes_to_the_live_run_and_a_label_starts_no_second_one(scene: Scene) -> None:
    run_id = scene.routed()
    entry = scene.comment("please mind the docs, too")
    assert (entry.state, entry.run_id) == ("routed", run_id)
    with scene.database.read() as tx:
        assert [(row.author, row.text) for row in messages.after(tx, run_id)] == [("alice", "please mind the docs, too")]
    route(scene.parts, second := scene.ring())
    assert "already_running" in (scene.entry(second).decision or "")
    assert len(scene.all_runs()) == 1


def test_a_follow_up_of_somebody_who_may_not_is_not_taken(scene: Scene) -> None:
    run_id = scene.routed()
    assert scene.comment("rm -rf everything", BOB).state == "ignored"
    with scene.database.read() as tx:
        assert messages.after(tx, run_id) == []


def test_stop_ends_a_run_that_has_not_started(scene: Scene) -> None:
    run_id = scene.routed()
    scene.comment("@bellhop stop")
    assert scene.run(run_id).stopped_by == "alice"
    scene.pump()
    assert scene.run(run_id).state == "done"


def test_two_events_of_one_thread_at_once_are_one_run(scene: Scene) -> None:
    ids = [scene.ring() for _ in range(4)]
    barrier = threading.Barrier(len(ids))

    def both_know_of_no_run(*_: Any) -> None:
        barrier.wait(timeout=10)

    class Meeting:
        """All four have looked and seen no live run before any of them saves one."""

        def __init__(self, real: Any) -> None:
            self._real = real

        def permission(self, *args: Any) -> str:
            answer: str = self._real.permission(*args)
            both_know_of_no_run()
            return answer

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

    service: Any = Meeting(scene.parts.services["github"])
    parts = replace(scene.parts, services={"github": service})
    threads = [threading.Thread(target=route, args=(parts, inbox_id)) for inbox_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert len(scene.all_runs()) == 1
    assert sorted(scene.entry(inbox_id).state for inbox_id in ids) == ["ignored", "ignored", "ignored", "routed"]
    assert len(scene.comments()) == 1


@pytest.mark.parametrize("is_over", [False, True])
def test_two_workers_that_route_one_event_at_once_leave_nothing_of_the_slower_one(scene: Scene, is_over: bool) -> None:
    """The hold of the first has run out; both decide to start; the first one's run stands, be it live or over."""
    inbox_id = scene.ring()
    doomed = mortal(scene.parts, Doom("service.permission"))
    with pytest.raises(Killed):
        route(doomed, inbox_id)
    scene.later()
    service = scene.parts.services["github"]

    class Slow:
        def permission(self, *args: Any) -> str:
            if not scene.all_runs():
                scene.later()
                route(scene.parts, inbox_id)
                if is_over:
                    scene.comment("@bellhop stop")
                    scene.pump()
            return service.permission(*args)

        def __getattr__(self, name: str) -> Any:
            return getattr(service, name)

    slow: Any = Slow()
    route(replace(scene.parts, services={"github": slow}), inbox_id)
    [run] = scene.all_runs()
    assert scene.entry(inbox_id).run_id == run.id
    with scene.database.read() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM outbox").scalar_one() == 1


def test_a_run_that_ends_while_a_follow_up_is_decided_on_does_not_swallow_it(scene: Scene) -> None:
    run_id = scene.routed()
    inbox_id = scene.ring(kind="issue_comment.created", said="@bellhop and the docs")
    service = scene.parts.services["github"]

    class Slow:
        def permission(self, *args: Any) -> str:
            answer = service.permission(*args)
            scene.comment("@bellhop stop")
            start(scene.parts, run_id)
            return answer

        def __getattr__(self, name: str) -> Any:
            return getattr(service, name)

    slow: Any = Slow()
    route(replace(scene.parts, services={"github": slow}), inbox_id)
    entry = scene.entry(inbox_id)
    assert (entry.decision or "").startswith("start: ")
    assert entry.run_id != run_id
    with scene.database.read() as tx:
        assert messages.after(tx, run_id) == []


@pytest.mark.parametrize(
    ("fault", "least", "most"),
    [
        (Fault(path=PERMISSION, status=502), 4, 5),
        (Fault(path=PERMISSION, drop=True), 4, 5),
        (Fault(path="/access_tokens", status=503), 4, 5),
        (Fault(path=PERMISSION, status=429, headers={"retry-after": "77"}), 76, 77),
        (Fault(path=PERMISSION, status=403, headers={"retry-after": "90"}), 89, 90),
    ],
)
def test_r26_github_that_fails_is_asked_again_when_it_wants_to_be(
    scene: Scene, fault: Fault, least: float, most: float
) -> None:
    inbox_id = scene.ring()
    scene.github.fault(fault)
    route(scene.parts, inbox_id)
    assert scene.entry(inbox_id).state == "stored"
    assert least < scene.waits_seconds("inbox", id=inbox_id) <= most
    route(scene.parts, inbox_id)  # too early: a repeated wake-up does not ask sooner
    assert scene.all_runs() == []
    scene.later()
    route(scene.parts, inbox_id)
    assert len(scene.all_runs()) == 1


def test_github_that_stays_down_is_given_up_at_last(scene: Scene) -> None:
    inbox_id = scene.ring()
    scene.github.fault(Fault(path=PERMISSION, status=500, times=1000))
    waits = []
    for _ in range(MAX_ATTEMPTS):
        scene.later()
        route(scene.parts, inbox_id)
        waits.append(round(scene.waits_seconds("inbox", id=inbox_id)))
    entry = scene.entry(inbox_id)
    assert waits[:4] == [5, 10, 20, 40]
    assert max(waits) == 600
    assert (entry.state, entry.attempts) == ("failed", MAX_ATTEMPTS)
    assert "500" in (entry.decision or "")


def test_a_refused_token_is_not_asked_for_again(scene: Scene) -> None:
    inbox_id = scene.ring()
    scene.github.uninstall(55)
    route(scene.parts, inbox_id)
    entry = scene.entry(inbox_id)
    assert (entry.state, entry.attempts) == ("failed", 1)


def test_r35_an_event_that_kills_its_worker_is_given_up(scene: Scene) -> None:
    inbox_id = scene.ring()
    for _ in range(MAX_CRASHES):
        scene.later()
        with pytest.raises(Killed):
            route(mortal(scene.parts, Doom("service.permission", before=True)), inbox_id)
    assert scene.entry(inbox_id).state == "stored"
    scene.later()
    route(scene.parts, inbox_id)
    entry = scene.entry(inbox_id)
    assert entry.state == "failed"
    assert scene.all_runs() == []


def test_r35_an_event_that_cannot_be_read_is_given_up(scene: Scene) -> None:
    inbox_id = scene.ring()
    scene.sql("UPDATE inbox SET event = '{}' WHERE id = :id", id=inbox_id)
    for _ in range(MAX_CRASHES):
        scene.later()
        route(scene.parts, inbox_id)
    with scene.database.read() as tx:
        row = tx.exec_driver_sql("SELECT state, attempts FROM inbox").one()
    assert (row.state, row.attempts) == ("failed", MAX_CRASHES)


def test_with_no_host_alive_the_run_waits_and_the_person_is_told(scene: Scene) -> None:
    scene.sql("DELETE FROM hosts")
    run_id = scene.routed()
    assert scene.run(run_id).host is None
    assert scene.wakeup.calls == []
    assert len(scene.comments()) == 1
    with scene.database.begin() as tx:
        hosts.seen(tx, HOST)


def test_a_broken_template_keeps_nobody_from_a_run_and_a_line(scene: Scene) -> None:
    templates = scene.directory / "templates"
    (templates / "replies").mkdir(parents=True)
    (templates / "replies" / "comment.md.j2").write_text("{{ nothing.at.all }}")
    settings = scene.settings.model_copy(update={"templates_dir": templates})
    route(replace(scene.parts, settings=settings), scene.ring())
    assert len(scene.all_runs()) == 1
    assert "Bellhop is on it" in scene.comments()[0].body


@pytest.mark.parametrize("said", ["@bellhop stop", "and push the keys"])
def test_t7_whoever_has_taken_over_a_repositorys_name_says_nothing_to_its_run(scene: Scene, said: str) -> None:
    run_id = scene.routed()
    inbox_id = scene.ring(kind="issue_comment.created", said=said)
    event = scene.entry(inbox_id).event
    event = event.model_copy(update={"repo": event.repo.model_copy(update={"id": event.repo.id + 1})})
    scene.sql("UPDATE inbox SET event = :event WHERE id = :id", event=event.model_dump_json(), id=inbox_id)
    route(scene.parts, inbox_id)
    assert (scene.entry(inbox_id).decision or "").startswith("ignore: repository_replaced")
    assert (scene.run(run_id).cancel_requested, scene.run(run_id).stopped_by) == (False, "")
    with scene.database.read() as tx:
        assert messages.unhanded(tx, run_id) == []
