"""The worker's thread pool: each thread knows which Celery app it works for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from celery.concurrency.thread import TaskPool


class AppThreads(TaskPool):
    """Celery's own thread pool, whose threads look tasks up in their own app.

    Celery looks a task up in the thread's current app, which in a new thread is the process's default: there this
    app's tasks are missing, the message is never acknowledged, and nothing says so.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.executor = ThreadPoolExecutor(
            max_workers=self.limit, thread_name_prefix="task", initializer=self.app.set_current
        )
