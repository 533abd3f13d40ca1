"""The only recovery code: each thing that can stand still, and that it does so no more."""

from __future__ import annotations

import errno
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.outcome import Failed, PullRequest
from app.errors import SandboxUnavailable
from app.execute.sandboxes.fake import FakeSandboxes, Kind
from app.ledger import hosts, inbox, sandboxes
from app.ports import Handle, PreparedWorkspace, SandboxSpec
from app.settings import Settings
from tasks.finish import finish
from tasks.route import route
from tasks.start import start
from tasks.sweep import HOST_LOST_SECONDS, sweep, tick
from tests.github_at_work import REPO
from tests.tasks.mortal import Doom, Killed, mortal
from tests.tasks.scene import HOST, Scene, profile

FIX = {"README.md": "hello, world\n"}


def died(scene: Scene, run_id: str, kind: Kind) -> None:
    """Let the sandbox end in one of the fake's ways."""
    scene.backend._alive[f"{run_id}-work"] = kind


def test_r3_an_event_that_nobody_was_woken_for_is_routed(scene: Scene) -> None:
    scene.ring()
    sweep(scene.parts)
    scene.pump()
    assert [run.state for run in scene.all_runs()] == ["running"]


def test_a_run_that_nobody_was_woken_for_is_started(scene: Scene) -> None:
    run_id = scene.routed()
    scene.wakeup.calls.clear()
    sweep(scene.parts)
    assert scene.wakeup.calls == [("start", run_id)]


def test_a_run_without_a_host_gets_the_first_that_sweeps(scene: Scene) -> None:
    scene.sql("DELETE FROM hosts")
    run_id = scene.routed()
    sweep(scene.parts)
    assert scene.run(run_id).host == HOST
    scene.pump()
    assert scene.run(run_id).state == "running"


def test_a_queued_run_leaves_a_host_that_is_gone(scene: Scene) -> None:
    run_id = scene.routed()
    scene.sql("UPDATE runs SET host = 'gone'")
    sweep(scene.parts)
    assert scene.run(run_id).host == HOST


def test_a_queued_run_stays_on_a_host_that_is_alive(scene: Scene) -> None:
    run_id = scene.routed()
    scene.wakeup.calls.clear()
    with scene.database.begin() as tx:
        hosts.seen(tx, "there")
    scene.sql("UPDATE runs SET host = 'there'")
    sweep(scene.parts)
    assert (scene.run(run_id).host, scene.wakeup.calls) == ("there", [])


@pytest.mark.parametrize(
    ("silent_seconds", "ended"), [(HOST_LOST_SECONDS / 2, False), (HOST_LOST_SECONDS + 60, True)]
)
def test_a_run_under_way_on_a_lost_host_is_ended_at_last(scene: Scene, silent_seconds: float, ended: bool) -> None:
    run_id = scene.started()
    with scene.database.begin() as tx:
        hosts.seen(tx, "there")
    elsewhere: Settings = scene.settings.model_copy(update={"host_name": "there"})
    scene.sql("UPDATE hosts SET seen_at_ms = seen_at_ms - :ms WHERE name = :host", ms=int(silent_seconds * 1000), host=HOST)
    sweep(replace(scene.parts, settings=elsewhere, backends=()))
    assert (scene.run(run_id).state == "done") is ended
    if ended:
        outcome = scene.outcome(run_id)
        assert isinstance(outcome, Failed)
        assert outcome.reason == "host_lost"
        assert "has not been heard of" in scene.comments()[0].body
        assert scene.backend.destroyed == []  # it is not there's to destroy
        sweep(scene.parts)  # back again, the host clears up
        assert scene.left() == []


@pytest.mark.parametrize(
    ("kind", "reason", "words"),
    [
        ("dies", "lost", "its sandbox died"), ("vanishes", "lost", "its sandbox died"),
        ("out_of_memory", "out_of_memory", "ran out of memory"), ("ends", "lost", "its sandbox died"),
    ],
)
def test_a_sandbox_that_died_without_a_word_is_noticed(scene: Scene, kind: Kind, reason: str, words: str) -> None:
    """R17 among them."""
    run_id = scene.started()
    died(scene, run_id, kind)
    sweep(scene.parts)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Failed)
    assert outcome.reason == reason
    assert words in scene.comments()[0].body
    assert scene.left() == []


def test_r22_a_sandbox_past_its_deadline_is_stopped(scene: Scene) -> None:
    run_id = scene.started()
    sweep(scene.parts)
    assert scene.run(run_id).state == "running"
    scene.sql("UPDATE sandboxes SET deadline_at_ms = 1")
    sweep(scene.parts)
    scene.pump()
    assert scene.backend.stopped == [f"{run_id}-work"]
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Failed)
    assert outcome.reason == "timeout"


def test_a_sandbox_has_its_whole_time_from_when_it_is_up(scene: Scene) -> None:
    """What building the tooling took is not the agent's time."""
    run_id = scene.routed()
    create = scene.backend.create

    def slow(spec: SandboxSpec) -> Any:
        scene.sql("UPDATE sandboxes SET created_at_ms = created_at_ms - 600000, deadline_at_ms = deadline_at_ms - 600000")
        return create(spec)

    scene.backend.create = slow  # type: ignore[method-assign]
    start(scene.parts, run_id)
    with scene.database.read() as tx:
        [row] = sandboxes.of_run(tx, run_id)
    assert row.deadline_at_ms - row.created_at_ms >= (30 * 60 + 180 + 599) * 1000


def test_an_end_on_file_that_moved_nothing_moves_the_run(scene: Scene) -> None:
    run_id = scene.started()
    scene.work(run_id, FIX)
    scene.sql("UPDATE runs SET state = 'running'")
    scene.wakeup.calls.clear()
    sweep(scene.parts)
    assert scene.wakeup.calls[-1] == ("finish", run_id)
    scene.pump()
    assert isinstance(scene.outcome(run_id), PullRequest)


def test_a_verification_that_was_never_put_on_file_is_begun_again(scene: Scene) -> None:
    scene.profiles["fix"] = profile(verify="true")
    run_id = scene.started()
    scene.work(run_id, FIX)
    scene.pump()
    assert scene.run(run_id).state == "verifying"
    scene.sql("DELETE FROM step_marks WHERE sandbox_id LIKE '%-verify'")
    scene.sql("DELETE FROM sandboxes WHERE role = 'verify'")
    sweep(scene.parts)
    assert scene.wakeup.calls == [("finish", run_id)]


def test_what_conclude_could_not_remove_is_removed_later(scene: Scene) -> None:
    run_id = scene.started()
    scene.work(run_id, FIX)
    with pytest.raises(Killed):
        finish(mortal(scene.parts, Doom("workspaces.discard_run", before=True)), run_id)
    assert scene.run(run_id).state == "done"
    assert scene.left() != []
    sweep(scene.parts)
    assert scene.left() == []


def test_a_sandbox_of_a_run_that_is_done_is_removed_when_the_engine_is_back(scene: Scene) -> None:
    run_id = scene.started()
    scene.backend.kind = "unavailable"
    scene.sql("UPDATE runs SET attempts = 99, state = 'collecting'")
    finish(scene.parts, run_id)
    assert scene.run(run_id).state == "done"
    sweep(scene.parts)
    scene.backend.kind = "never_ends"
    assert list(scene.backend.find()) == [f"{run_id}-work"]
    sweep(scene.parts)
    assert scene.left() == []


def test_what_cannot_be_removed_of_one_run_keeps_nothing_else_from_being_removed(scene: Scene) -> None:
    """As on a full disk, which nobody would empty any more."""

    class Full(FakeSandboxes):
        def destroy(self, handle: Handle) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    run_id = scene.started()
    old = scene.settings.state_dir / "layers" / "private-old"
    old.mkdir(parents=True)
    full = Full("never_ends")
    scene.sql("UPDATE runs SET attempts = 99, state = 'collecting'")
    finish(replace(scene.parts, backends=(full,)), run_id)
    assert scene.run(run_id).state == "done"
    sweep(replace(scene.parts, backends=(full,)))
    assert not old.exists()
    sweep(scene.parts)
    assert scene.left() == []


def test_r44_what_nobody_knows_is_removed_and_what_lives_is_not(scene: Scene) -> None:
    run_id = scene.started()
    scratch = scene.settings.state_dir / "scratch"
    for number in range(20):
        sandbox_id = f"orphan{number}-work"
        scene.backend.create(_spec(sandbox_id, scene.directory))
        (scratch / sandbox_id / "upper").mkdir(parents=True)
    bundles, quarantine = scene.settings.state_dir / "bundles", scene.settings.state_dir / "quarantine"
    (bundles / ".orphan1-work.0123.part").write_bytes(b"half")
    (bundles / "orphan2-work").write_bytes(b"whole")
    (quarantine / "orphan3").mkdir(parents=True)
    before = scene.left()
    threads = [threading.Thread(target=sweep, args=(replace(scene.parts, sweeping=threading.Lock()),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    sweep(scene.parts)
    assert [name for name in scene.left() if "orphan" in name] == []
    assert [name for name in before if "orphan" not in name] == scene.left()
    scene.work(run_id, FIX)
    scene.pump()
    assert isinstance(scene.outcome(run_id), PullRequest)


def _spec(sandbox_id: str, directory: Path) -> SandboxSpec:
    workspace = PreparedWorkspace(lower=directory, scratch=directory, base_commit="0" * 40)
    return SandboxSpec(
        id=sandbox_id, run_id=sandbox_id, door=directory, workspace=workspace, tooling="fake", container=profile().container,
        uid=10001, argv=("true",), ttl_seconds=60,
    )


def test_r44_a_sandbox_that_starts_while_the_sweeper_looks_is_no_orphan(scene: Scene) -> None:
    run_id = scene.routed()
    find = scene.backend.find

    def slow() -> Any:
        if not find():
            start(scene.parts, run_id)
        return find()

    scene.backend.find = slow  # type: ignore[method-assign]
    sweep(scene.parts)
    assert scene.backend.created == [f"{run_id}-work"]
    assert scene.backend.destroyed == []
    sweep(scene.parts)
    assert scene.backend.destroyed == []


def test_one_engine_that_hangs_keeps_nobody_elses_sandboxes_waiting(scene: Scene) -> None:
    run_id = scene.started()

    class Hung(FakeSandboxes):
        name = "hung"
        asked = 0

        def poll(self, handle: Any) -> Any:
            self.asked += 1
            raise SandboxUnavailable("no answer")

    hung = Hung("unavailable")
    for number in range(3):
        scene.sql(
            "INSERT INTO sandboxes SELECT id || :n, run_id, host, 'work', agent, 'hung', assignment, handle, state, NULL, "
            '"end", created_at_ms - 1, deadline_at_ms, ended_at_ms, NULL FROM sandboxes WHERE id = :id', n=f"-{number}",
            id=f"{run_id}-work",
        )
    died(scene, run_id, "dies")
    sweep(replace(scene.parts, backends=(hung, scene.backend)))
    assert scene.run(run_id).state == "collecting"
    assert hung.asked == 1


def test_a_backend_that_this_host_has_lost_does_not_keep_its_run_for_ever(scene: Scene) -> None:
    run_id = scene.started()
    bare = replace(scene.parts, backends=())
    sweep(bare)
    assert scene.run(run_id).state == "running"
    scene.sql("UPDATE sandboxes SET deadline_at_ms = 1")
    sweep(bare)
    assert scene.run(run_id).state == "collecting"


def test_replies_that_nobody_delivered_are_delivered(scene: Scene) -> None:
    inbox_id = scene.ring()
    with pytest.raises(Killed):
        route(mortal(scene.parts, Doom("service.upsert_comment", before=True)), inbox_id)
    assert scene.comments() == []
    sweep(scene.parts)
    assert scene.comments() == []  # somebody may still be at it
    scene.later()
    sweep(scene.parts)
    assert len(scene.comments()) == 1


def test_a_part_that_breaks_keeps_no_other_from_being_swept(scene: Scene) -> None:
    scene.ring()
    def breaks() -> Any:
        raise ZeroDivisionError

    scene.backend.find = breaks  # type: ignore[method-assign]
    scene.later()
    sweep(scene.parts)
    scene.pump()
    assert len(scene.all_runs()) == 1
    assert len(scene.comments()) == 1
    assert not scene.parts.sweeping.locked()


def test_sweeps_do_not_pile_up(scene: Scene) -> None:
    scene.ring()
    with scene.parts.sweeping:
        sweep(scene.parts)
    assert scene.wakeup.calls == []
    sweep(scene.parts)
    assert [verb for verb, _ in scene.wakeup.calls] == ["route"]


def test_checkouts_that_nobody_uses_are_pruned_and_those_in_use_are_not(scene: Scene) -> None:
    run_id = scene.started()
    base = scene.run(run_id).base_commit
    assert base is not None
    used = scene.parts.workspaces.base(REPO, base, 10001)
    bases = scene.settings.state_dir / "bases"
    for number in range(30):
        (bases / f"1-{number:040x}-10001" / "tree").mkdir(parents=True)
        (bases / f"1-{number:040x}-10001" / "ready").touch()
    for ready in bases.glob("*/ready"):
        os.utime(ready, (1, 1))
    sweep(scene.parts)
    left = {path.parent / "tree" for path in bases.glob("[!.]*/ready")}
    assert used in left
    assert 20 <= len(left) <= 21
    (bases / f"1-{99:040x}-10001").mkdir()
    marker = scene.settings.state_dir / "pruned"
    before = marker.stat().st_mtime_ns
    sweep(scene.parts)
    assert marker.stat().st_mtime_ns == before  # once in ten minutes


def test_a_tick_wakes_every_host_that_is_alive(scene: Scene) -> None:
    with scene.database.begin() as tx:
        hosts.seen(tx, "there")
        hosts.seen(tx, "gone")
    scene.sql("UPDATE hosts SET seen_at_ms = 1 WHERE name = 'gone'")
    tick(scene.parts)
    assert sorted(scene.wakeup.calls) == [("sweep", HOST), ("sweep", "there")]


def test_an_event_is_woken_only_when_its_time_has_come(scene: Scene) -> None:
    inbox_id = scene.ring()
    with scene.database.begin() as tx:
        inbox.retry_in(tx, inbox_id, 60, "failed: later")
    sweep(scene.parts)
    assert scene.wakeup.calls == []
