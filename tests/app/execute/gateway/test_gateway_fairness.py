"""T60: what one sandbox asks of the gateway does not stand before what another asks."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.execute.gateway import main as main_module
from app.execute.gateway import model_api as model_api_module
from app.execute.gateway.admit import Target
from app.execute.gateway.body_policy import Asked, look
from app.execute.gateway.upstream import Upstream
from app.settings import Settings
from tests.app.execute.gateway.house import House, eventually

MESSAGES = "/anthropic/v1/messages"


def test_t60_large_bodies_of_one_sandbox_do_not_stand_before_anothers(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One body is looked through at a time; of those that wait for it, one is a sandbox's."""
    made: list[Upstream] = []
    seen: list[bytes] = []
    go_on = threading.Event()

    def upstream(settings: Settings) -> Upstream:
        made.append(Upstream(settings))
        return made[0]

    def slow_look(target: Target, body: bytes, models: Sequence[str]) -> Asked:
        seen.append(body[-3:-2])
        go_on.wait(20)
        return look(target, body, models)

    def ask(sandbox_id: str, mark: str) -> int:
        return house.door(sandbox_id).post(MESSAGES, json={"model": "m", "messages": "x" * 100_000 + mark}).status_code

    house.stop()
    monkeypatch.setattr(main_module, "Upstream", upstream)
    monkeypatch.setattr(model_api_module, "look", slow_look)
    house.start()
    greedy, other = house.sandbox(), house.sandbox()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, greedy, "a") for _ in range(5)]
        eventually(lambda: seen == [b"a"])
        asked.append(pool.submit(ask, other, "b"))
        eventually(lambda: made[0].parsing.statistics().tasks_waiting > 0)
        assert made[0].parsing.statistics().tasks_waiting == 1
        go_on.set()
        assert [each.result(20) for each in asked] == [200] * 6
    assert seen[:2] == [b"a", b"b"]
