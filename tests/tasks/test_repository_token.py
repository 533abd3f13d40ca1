"""The token of a sandbox's door: renewed while nobody inside notices, and dead with its sandbox, whoever is killed (R29, T50)."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.emulators.github import Fault
from app.errors import ServiceError
from app.ledger import audit, read_tokens
from tasks.finish import finish
from tasks.starting.hand_over import hand_over
from tasks.sweep import sweep
from tests.tasks.at_the_door import door, workers_awake
from tests.tasks.mortal import Doom, Killed, mortal
from tests.tasks.scene import HOST, Scene, until

ROOT = Path(__file__).resolve().parents[2]
REPO = "/github/repos/octo/hello"

GATEWAY = """
import signal, sys, threading
from pathlib import Path
from app.execute.gateway.main import gateway_thread
from app.ledger.database import Database
from app.settings import Settings
state, run, api, web = sys.argv[1:]
settings = Settings(state_dir=Path(state), runtime_dir=Path(run), host_name="here", github_api_url=api, github_web_url=web)
with gateway_thread(settings, Database(f"sqlite:///{state}/ledger.db"), lambda run_id, host: print("finish", run_id, flush=True)):
    print("up", flush=True)
    threading.Event().wait()
"""


def minted(scene: Scene) -> int:
    with scene.github.world.lock:
        return len([token for token in scene.github.world.state.tokens.values() if token.permissions.get("contents") == "read"])


def live(scene: Scene) -> list[str]:
    return [token.value for token in scene.github.live_tokens()]


def read(scene: Scene, run_id: str) -> int:
    with door(scene, run_id) as inside:
        return inside.get(REPO).status_code


def used(scene: Scene, run_id: str) -> list[str]:
    with scene.database.read() as tx:
        return [row.verdict for row in audit.of_run(tx, run_id) if row.action == "github"]


@contextmanager
def asking(scene: Scene, run_id: str) -> Iterator[list[int]]:
    """Read from inside meanwhile; the answer's status is in the list afterwards."""
    scene.wakeup.calls.clear()
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(read(scene, run_id)), daemon=True)
    thread.start()
    until(lambda: ("finish", run_id) in scene.wakeup.calls)
    yield answers
    thread.join(30)


def wishes(scene: Scene) -> list[str]:
    with scene.database.read() as tx:
        return [wish.refused_id for wish in read_tokens.wanted(tx, HOST)]


@pytest.mark.parametrize("how", ["expired", "revoked"])
def test_r29_a_token_that_ends_mid_run_is_replaced_and_the_agent_sees_no_failure(scene: Scene, how: str) -> None:
    run_id = scene.started()
    with workers_awake(scene):
        assert read(scene, run_id) == 200
        [token] = scene.github.live_tokens()
        with scene.github.world.lock:
            token.expires_at -= timedelta(hours=2 if how == "expired" else 0)
            token.revoked = how == "revoked"
        assert [read(scene, run_id) for _ in range(3)] == [200, 200, 200]
    assert used(scene, run_id) == ["200", "401", "200", "200", "200"]
    assert len(live(scene)) == 1
    assert wishes(scene) == []


def test_many_that_ask_at_once_get_one_token(scene: Scene) -> None:
    run_id = scene.started()
    before = minted(scene)
    with workers_awake(scene):
        answers: list[int] = []
        threads = [threading.Thread(target=lambda: answers.append(read(scene, run_id))) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert answers == [200] * 6
    assert minted(scene) == before + 1


def test_two_workers_that_are_woken_mint_one_token(scene: Scene) -> None:
    run_id = scene.started()
    before = minted(scene)
    with asking(scene, run_id) as answers:
        threads = [threading.Thread(target=hand_over, args=(scene.parts, run_id)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert (answers, minted(scene)) == ([200], before + 1)


def test_a_wakeup_that_was_lost_is_made_good_by_the_sweep(scene: Scene) -> None:
    run_id = scene.started()
    with asking(scene, run_id) as answers:
        scene.wakeup.calls.clear()
        assert wishes(scene) == ["-"]
        sweep(scene.parts)
        assert ("finish", run_id) in scene.wakeup.calls
        scene.pump()
    assert answers == [200]


def test_while_github_is_down_it_is_tried_again(scene: Scene) -> None:
    run_id = scene.started()
    with asking(scene, run_id) as answers:
        scene.github.fault(Fault(path=r"/access_tokens$", status=500))
        hand_over(scene.parts, run_id)
        assert wishes(scene) == ["-"]
        hand_over(scene.parts, run_id)
    assert (answers, wishes(scene)) == ([200], [])


def test_when_no_worker_comes_the_agent_is_told_to_ask_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.execute.gateway.repository.asking.WAIT_SECONDS", 0.05)
    run_id = scene.started()
    with door(scene, run_id) as inside:
        answer = inside.get(REPO)
    assert (answer.status_code, "ask again" in answer.json()["message"]) == (503, True)
    assert ("finish", run_id) in scene.wakeup.calls


def test_a_door_that_is_closed_takes_no_token(scene: Scene) -> None:
    run_id = scene.started()
    scene.parts.gateway.close(f"{run_id}-work")
    with scene.database.begin() as tx:
        read_tokens.want(tx, f"{run_id}-work")
    hand_over(scene.parts, run_id)
    assert wishes(scene) == []
    assert len(live(scene)) == 1, "on file until the sandbox is dismantled"
    scene.sql("UPDATE sandboxes SET state = 'ended'")
    sweep(scene.parts)
    assert live(scene) == []


@pytest.mark.parametrize(("at", "nth", "before"), [
    ("minter.mint", 1, False), ("minter.mint", 2, False), ("service.permission", 1, False), ("gateway.token", 1, True),
    ("gateway.token", 1, False), ("database.begin", 4, True), ("database.begin", 6, False),
])
def test_t50_a_worker_killed_while_it_hands_over_leaves_no_token_behind(scene: Scene, at: str, nth: int, before: bool) -> None:
    run_id = scene.started()
    with asking(scene, run_id) as answers:
        with pytest.raises(Killed):
            finish(mortal(scene.parts, Doom(at, nth, before)), run_id)
        with workers_awake(scene):
            sweep(scene.parts)
            until(lambda: answers)
    assert answers == [200]
    scene.pump()
    assert len(live(scene)) == 1
    scene.work(run_id, {"README.md": "hello, world\n"})
    scene.recover(2)
    assert scene.outcome(run_id).kind == "pull_request"
    assert live(scene) == []
    assert scene.left() == []


def test_t50_a_revocation_that_fails_at_the_end_is_made_good(scene: Scene) -> None:
    run_id = scene.started()
    with workers_awake(scene):
        assert read(scene, run_id) == 200
    [token] = live(scene)

    class Down:
        def __getattr__(self, name: str) -> Any:
            return getattr(scene.parts.minter, name)

        def revoke(self, credential: Any) -> None:
            if credential.token.get_secret_value() == token:
                scene.parts.vault.release(credential.id)
                raise ServiceError("down", reason="github_down")
            scene.parts.minter.revoke(credential)

    scene.work(run_id, {"README.md": "hello, world\n"})
    scene.pump(replace(scene.parts, minter=Down()))
    assert scene.outcome(run_id).kind == "pull_request"
    assert live(scene) == [token]
    sweep(scene.parts)
    assert live(scene) == []


@pytest.fixture
def gateways(without_gateway: Scene) -> Iterator[list[subprocess.Popen[str]]]:
    """The gateways that were started, each in a process of its own."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def start_gateway(scene: Scene, gateways: list[subprocess.Popen[str]]) -> subprocess.Popen[str]:
    settings = scene.settings
    process = subprocess.Popen(
        [sys.executable, "-c", GATEWAY, str(settings.state_dir), str(settings.runtime_dir), settings.github_api_url,
         settings.github_web_url], cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )
    gateways.append(process)

    def listen() -> None:
        for line in process.stdout or ():
            if line.startswith("finish "):
                scene.wakeup.finish(line.split()[1], HOST)
            elif line == "up\n":
                up.set()

    up = threading.Event()
    threading.Thread(target=listen, daemon=True).start()
    assert up.wait(30), "the gateway did not start"
    return process


def test_t50_a_gateway_that_is_killed_forgets_and_is_given_the_same_token_again(
    without_gateway: Scene, gateways: list[subprocess.Popen[str]]
) -> None:
    scene = without_gateway
    first = start_gateway(scene, gateways)
    run_id = scene.started()
    with workers_awake(scene):
        assert read(scene, run_id) == 200
        before = live(scene)
        first.send_signal(signal.SIGKILL)
        first.wait()
        start_gateway(scene, gateways)
        assert read(scene, run_id) == 200
    assert live(scene) == before
    assert len(before) == 1
    # Killed again, and the sandbox is over: its token dies without any gateway.
    gateways[-1].send_signal(signal.SIGKILL)
    gateways[-1].wait()
    scene.sql("UPDATE sandboxes SET state = 'ended'")
    sweep(scene.parts)
    assert live(scene) == []
