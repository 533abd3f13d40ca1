"""A sandbox's last word: nothing begins between what is cut for it and its being on record."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from anyio import to_thread

from app.core.sandbox.door import DoorRules
from app.execute.gateway import runner_api
from app.execute.gateway.door import Door
from tests.app.execute.gateway.fake_model_api import FakeModelApi
from tests.app.execute.gateway.house import House, eventually


def test_t58_while_an_end_is_put_on_record_nothing_new_begins(
    house: House, model_api: FakeModelApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that the agent left behind must not speak, or spend, after the run is judged."""
    reached, go_on = threading.Event(), threading.Event()

    async def slow(_door: Door) -> None:
        reached.set()
        await to_thread.run_sync(go_on.wait, 20)

    monkeypatch.setattr(runner_api, "record_uncounted", slow)
    sandbox_id = house.sandbox(door=DoorRules(has_tools=True))
    runner, door = house.claimed(sandbox_id), house.door(sandbox_id)
    with ThreadPoolExecutor(1) as pool:
        end = pool.submit(runner.post, "/runner/end", json={"reason": "exited"})
        eventually(reached.is_set)
        assert door.post("/anthropic/v1/messages", json={"model": "m"}).status_code == 503
        assert door.post("/mcp", json={}).status_code == 503
        with socket.socket(socket.AF_UNIX) as tunnel:
            tunnel.connect(str(house.socket(sandbox_id, "egress.sock")))
            tunnel.settimeout(10)
            with suppress(ConnectionResetError):
                assert tunnel.recv(1) == b""
        go_on.set()
        assert end.result(20).status_code == 204
    assert model_api.asked == []
    assert door.post("/mcp", json={}).status_code == 410
