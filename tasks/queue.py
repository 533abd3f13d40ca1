"""The queue: Celery as a wake-up signal, published off the caller's path."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Sequence

import structlog
from celery import Celery

from app.settings import Settings

log = structlog.get_logger()

EVENTS_QUEUE = "events"

# A wake-up older than this has been overtaken by the sweeper's; a host that was away finds no pile of them.
_EXPIRES_SECONDS = 120

# In a burst the wake-ups of so long go out together: to publish one costs about as much as to take a delivery. So many go
# into one message that several workers share a burst.
_GATHER_SECONDS = 0.03
_IDS_PER_MESSAGE = 16

# A waiting line this long means the broker is down; the sweeper finds what is dropped.
_MAX_WAITING = 10_000


def host_queue(host: str) -> str:
    """Return the queue that only the workers of `host` read."""
    return f"host.{host}"


def make_celery(settings: Settings) -> Celery:
    """Build the Celery app for the broker in the settings; it connects to nothing yet."""
    celery = Celery("bellhop", broker=settings.broker_url)
    options: dict[str, object] = {"visibility_timeout": 300}
    if settings.broker_url.startswith("memory://"):
        # The in-memory transport polls; at its default of 1 s every hop would cost that much.
        options = {"polling_interval": 0.005}
    else:
        options |= {
            "socket_timeout": 5, "socket_connect_timeout": 2, "socket_keepalive": True,
            "retry_on_timeout": True, "health_check_interval": 25,
        }
    celery.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_acks_late=True,
        # Safe only because attempts are counted in the ledger before a step is tried.
        task_reject_on_worker_lost=True,
        task_default_queue=EVENTS_QUEUE,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options=options,
        beat_schedule={
            "tick": {
                "task": "bellhop.tick", "schedule": settings.sweep_seconds,
                "options": {"queue": EVENTS_QUEUE, "expires": settings.sweep_seconds * 2},
            }
        },
        task_publish_retry=False,
        enable_utc=True,
    )
    return celery


# Task, queue, arguments.
_Item = tuple[str, str, tuple[object, ...]]


class CeleryWakeup:
    """The Wakeup port over Celery: a thread publishes, so that a broker that is down or silent delays nobody."""

    def __init__(self, celery: Celery) -> None:
        self._celery = celery
        self._waiting: queue.Queue[_Item | None] = queue.Queue(maxsize=_MAX_WAITING)
        self._thread = threading.Thread(target=self._publish, name="wakeup", daemon=True)
        self._thread.start()

    def route(self, inbox_id: int) -> None:
        """Wake `route` for a stored event."""
        self._put("bellhop.route", EVENTS_QUEUE, inbox_id)

    def start(self, run_id: str, host: str) -> None:
        """Wake `start` on the queue of `host`."""
        self._put("bellhop.start", host_queue(host), run_id)

    def finish(self, run_id: str, host: str) -> None:
        """Wake `finish` on the queue of `host`."""
        self._put("bellhop.finish", host_queue(host), run_id)

    def sweep(self, host: str) -> None:
        """Wake `sweep` on the queue of `host`."""
        self._put("bellhop.sweep", host_queue(host))

    def close(self) -> None:
        """Publish what waits, for two seconds at most, and stop."""
        # A full line means that the broker is silent, and nothing of it would be published any more.
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(timeout=2)

    def _put(self, task: str, queue_name: str, *arguments: object) -> None:
        try:
            self._waiting.put_nowait((task, queue_name, arguments))
        except queue.Full:
            log.warning("wakeup_dropped", task=task)

    def _publish(self) -> None:
        gathers_until = 0.0
        while (item := self._waiting.get()) is not None:
            if item[0] == "bellhop.route":
                time.sleep(max(0.0, gathers_until - time.monotonic()))
            items, is_last = [item], False
            with contextlib.suppress(queue.Empty):
                while not is_last:
                    more = self._waiting.get_nowait()
                    is_last = more is None
                    items += [] if more is None else [more]
            for task, queue_name, arguments in gathered(items):
                self._send(task, queue_name, arguments)
            gathers_until = time.monotonic() + _GATHER_SECONDS
            if is_last:
                return

    def _send(self, task: str, queue_name: str, arguments: tuple[object, ...]) -> None:
        try:
            self._celery.send_task(task, args=list(arguments), queue=queue_name, expires=_EXPIRES_SECONDS)
        except Exception as error:  # kombu raises each transport's own errors; the sweeper finds what is lost
            log.warning("wakeup_failed", task=task, error=type(error).__name__)


def gathered(items: Sequence[_Item]) -> list[_Item]:
    """Return the wake-ups with those for `route` put together, a few ids in each; every other one stays by itself."""
    ids = [arguments[0] for task, _, arguments in items if task == "bellhop.route"]
    # A small burst is spread, so that no event waits for others while threads are idle.
    each = min(_IDS_PER_MESSAGE, max(1, len(ids) // 4))
    routes = [("bellhop.route", EVENTS_QUEUE, tuple(ids[start : start + each])) for start in range(0, len(ids), each)]
    return [*(item for item in items if item[0] != "bellhop.route"), *routes]
