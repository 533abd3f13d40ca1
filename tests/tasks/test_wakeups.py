"""The queue: a wake-up never blocks and never raises, whatever the broker does; and the worker that hears it."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis
from celery import Celery

from app.core.outcome import PullRequest
from app.ledger import hosts
from app.settings import Settings
from tasks import queue
from tasks.beat import Beat
from tasks.queue import CeleryWakeup, host_queue, make_celery
from tasks.worker import Presence, Worker, register
from tests.tasks.scene import HOST, Scene, until

FIX = {"README.md": "hello, world\n"}


@contextlib.contextmanager
def waking(broker_url: str) -> Iterator[tuple[Celery, CeleryWakeup]]:
    celery = make_celery(Settings(broker_url=broker_url, sweep_seconds=0.2))
    wakeup = CeleryWakeup(celery)
    try:
        yield celery, wakeup
    finally:
        wakeup.close()
        celery.close()


def every_wake_up(wakeup: CeleryWakeup) -> None:
    wakeup.route(1)
    wakeup.start("run", "there")
    wakeup.finish("run", "there")
    wakeup.sweep("there")


def seconds(act: Callable[[], None]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def test_r10_a_broker_that_refuses_delays_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with waking(f"redis://127.0.0.1:{port}/0") as (_, wakeup):
        assert seconds(lambda: every_wake_up(wakeup)) < 0.5


def test_r10_a_broker_that_accepts_and_never_answers_delays_nobody_and_no_stop() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        celery = make_celery(Settings(broker_url=url))
        wakeup = CeleryWakeup(celery)

        def many() -> None:
            for _ in range(queue._MAX_WAITING // 4 + 10):  # more than the line holds
                every_wake_up(wakeup)

        assert seconds(many) < 5
        assert seconds(wakeup.close) < 3


@pytest.mark.redis
def test_r10_what_is_published_reaches_the_queue_that_it_is_for(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    client.flushall()
    with waking(redis_url) as (_, wakeup):
        every_wake_up(wakeup)
        until(lambda: client.llen(host_queue("there")) == 3)
    until(lambda: client.llen("events") == 1)
    raw: Any = client.lindex("events", 0)
    message = json.loads(raw)
    assert message["headers"]["task"] == "bellhop.route"
    assert message["headers"]["expires"]
    client.flushall()
    client.close()


@pytest.mark.redis
def test_r33_a_burst_goes_out_in_few_messages_each_event_once(redis_url: str) -> None:
    """To publish costs as much as to take a delivery: a message for each would halve how many are taken."""
    client = redis.Redis.from_url(redis_url)
    client.flushall()
    with waking(redis_url) as (_, wakeup):
        for inbox_id in range(500):
            wakeup.route(inbox_id)
    raw: Any = client.lrange("events", 0, -1)
    carried = [json.loads(base64.b64decode(json.loads(message)["body"]))[0] for message in raw]
    assert sorted(inbox_id for ids in carried for inbox_id in ids) == list(range(500))
    assert len(carried) < 100
    assert max(map(len, carried)) <= 16, "a burst is shared by several workers"
    client.flushall()
    client.close()


def test_one_message_wakes_every_event_that_it_names(scene: Scene) -> None:
    celery = make_celery(Settings(broker_url="memory://"))
    register(celery, scene.parts)
    ids = [scene.ring(number=number) for number in (1, 2, 3)]
    celery.tasks["bellhop.route"](*ids)
    assert [scene.entry(inbox_id).state for inbox_id in ids] == ["routed"] * 3
    celery.close()


@pytest.mark.redis
def test_r9_a_broker_that_forgets_everything_is_published_to_again(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    with waking(redis_url) as (_, wakeup):
        wakeup.route(1)
        until(lambda: client.llen("events") == 1)
        client.flushall()
        client.client_kill_filter(_type="normal", skipme=True)
        wakeup.route(2)
        with contextlib.suppress(AssertionError):
            until(lambda: client.llen("events") == 1, 2)
        wakeup.route(3)  # the one before may be lost, and the sweeper's; this one is not
        until(lambda: client.llen("events") >= 1)
    client.flushall()
    client.close()


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def broker_url(request: pytest.FixtureRequest) -> str:
    if request.param == "memory":
        return "memory://"
    return str(request.getfixturevalue("redis_url"))


def test_the_worker_does_what_it_is_woken_for(scene: Scene, broker_url: str) -> None:
    """Worker, beat and wake-ups over a real broker: nobody calls a task by hand."""
    settings = scene.settings.model_copy(update={"broker_url": broker_url, "sweep_seconds": 0.5, "worker_concurrency": 2})
    celery = make_celery(settings)
    wakeup = CeleryWakeup(celery)
    parts = replace(scene.parts, settings=settings, wakeup=wakeup)
    running, beat = Worker(celery, parts), Beat(celery)
    running.start()
    beat.start()
    try:
        wakeup.route(scene.ring())
        until(lambda: [run.state for run in scene.all_runs()] == ["running"], 20)
        [run] = scene.all_runs()
        until(lambda: scene.backend.created, 20)
        # The gateway of this scene wakes nobody: the sweep that beat asks for finds the end.
        scene.work(run.id, FIX)
        until(lambda: scene.run(run.id).state == "done", 30)
        assert isinstance(scene.outcome(run.id), PullRequest)
    finally:
        beat.stop()
        running.stop()
        wakeup.close()
        celery.close()


def test_a_task_of_an_id_that_is_nobodys_does_nothing(scene: Scene) -> None:
    celery = make_celery(scene.settings)
    register(celery, scene.parts)
    for name, argument in (("route", 999), ("start", "nobody"), ("finish", "nobody")):
        celery.tasks[f"bellhop.{name}"](argument)
    assert scene.all_runs() == []
    celery.close()


def test_r10_a_host_stays_alive_while_no_tick_comes(scene: Scene) -> None:
    """Were it not, a broker that was away for three minutes would have no host to tick ever again."""
    presence = Presence(scene.database, HOST, every_seconds=0.02)
    presence.start()
    try:
        scene.sql("UPDATE hosts SET seen_at_ms = 1")

        def alive() -> list[str]:
            with scene.database.read() as tx:
                return hosts.alive(tx)

        until(lambda: alive() == [HOST])
    finally:
        presence.stop()
