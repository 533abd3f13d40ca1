"""Tasks of two Bellhops in one process: each is run, and by its own."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from celery import Celery

from app.settings import Settings
from tasks.queue import host_queue, make_celery
from tasks.worker import make_controller

SECONDS = 20.0


@contextmanager
def worker(host: str, work: Callable[[], None]) -> Iterator[Celery]:
    settings = Settings(broker_url="memory://", host_name=host, worker_concurrency=2)
    celery = make_celery(settings)
    celery.task(name="bellhop.sweep", shared=False)(work)
    controller = make_controller(celery, settings)
    thread = threading.Thread(target=controller.start, daemon=True)
    thread.start()
    try:
        yield celery
    finally:
        controller.stop()
        thread.join(SECONDS)


def test_each_worker_of_a_process_runs_its_own_tasks() -> None:
    with ExitStack() as stack:
        ran: dict[str, threading.Event] = {f"{name}-{uuid.uuid4().hex[:8]}": threading.Event() for name in ("one", "two")}
        for host, event in ran.items():
            celery = stack.enter_context(worker(host, event.set))
            celery.send_task("bellhop.sweep", queue=host_queue(host))
            assert event.wait(SECONDS), f"nothing ran on {host}"
            event.clear()
        first = next(iter(ran))
        celery.send_task("bellhop.sweep", queue=host_queue(first))
        assert ran[first].wait(SECONDS)
        assert [host for host, event in ran.items() if event.is_set()] == [first]
