"""`bellhop up`: web, worker, gateway and beat in one process, on SQLite, with no broker to install."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from app.errors import ConfigurationError
from app.execute.gateway.main import gateway_thread
from app.ledger import page_keys, schema
from app.ledger.database import Database
from app.main import make_app
from app.profiles import load_profiles
from app.serving import address, listen, serving
from app.settings import Settings
from tasks.beat import Beat
from tasks.keeping.handed_in import HandedIn
from tasks.keeping.leftovers import remove_leftovers
from tasks.parts import Parts
from tasks.queue import CeleryWakeup, make_celery
from tasks.worker import Worker, make_parts
from triggers import make_triggers


class Bellhop(NamedTuple):
    """A running Bellhop; `url` is where this machine reaches it, `ended` is set should its web server end by itself."""

    url: str
    database: Database
    parts: Parts
    ended: threading.Event

    def new_link(self) -> str:
        """Return a link to the pages that works once."""
        with self.database.begin() as tx:
            return f"{self.parts.settings.public_url.rstrip('/')}/enter?key={page_keys.new_link(tx)}"


def prepare_directories(settings: Settings) -> None:
    """Make the state and runtime directories, closed to other users of the machine.

    Raises ConfigurationError when they belong to somebody else or cannot be made.
    """
    for directory in (settings.state_dir, settings.runtime_dir):
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            directory.chmod(0o711)
        except OSError as error:
            raise ConfigurationError(
                f"cannot use {directory} ({error.strerror}): make it writable for this user, or set "
                "BELLHOP_STATE_DIR and BELLHOP_RUNTIME_DIR"
            ) from error


def with_broker(settings: Settings, url: str) -> Settings:
    """Return the settings with this broker; kombu warns of one in memory that names no host."""
    return settings.model_copy(update={"broker_url": "memory://localhost/" if url == "memory://" else url})


@contextmanager
def only_one(state_dir: Path) -> Iterator[None]:
    """Hold the state directory for the block.

    Raises ConfigurationError with reason `already_up` when another Bellhop works on it.
    """
    lock = state_dir / "bellhop.lock"
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigurationError(f"cannot use {lock} ({error.strerror}): make it a file of this user") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"another Bellhop works on {state_dir}: stop it, or give this one its own BELLHOP_STATE_DIR and "
                "BELLHOP_RUNTIME_DIR", reason="already_up",
            ) from None
        yield
    finally:
        os.close(handle)


@contextmanager
def working(settings: Settings, *, broker_url: str | None = None) -> Iterator[tuple[Database, Parts]]:
    """Run gateway, worker and beat for the length of the block, without the web side.

    Raises ConfigurationError.
    """
    prepare_directories(settings)
    with ExitStack() as stack:
        stack.enter_context(only_one(settings.state_dir))
        database = Database(settings.ledger_url)
        stack.callback(database.close)
        schema.upgrade(database)
        celery = make_celery(with_broker(settings, broker_url or settings.broker_url))
        wakeup = CeleryWakeup(celery)
        stack.callback(wakeup.close)
        parts = make_parts(settings, database, wakeup)
        stack.enter_context(gateway_thread(settings, database, on_ended=wakeup.finish))
        stack.callback(parts.close)
        # Once the worker has stopped: what a run that ended at the last moment has left, nobody else will sweep.
        stack.callback(remove_leftovers, parts, settings.host_name)
        worker = Worker(celery, parts)
        worker.start()
        stack.callback(worker.stop)
        beat = Beat(celery)
        beat.start()
        stack.callback(beat.stop)
        # `bellhop run` beside this process has only the ledger to reach it by.
        handed_in = HandedIn(parts)
        handed_in.start()
        stack.callback(handed_in.stop)
        yield database, parts


@contextmanager
def running(settings: Settings) -> Iterator[Bellhop]:
    """Run a whole Bellhop for the length of the block. Raises ConfigurationError."""
    # Looked at again, with its agents, by whoever works: what is wrong with a secret is said before anything is begun.
    profiles = load_profiles(settings.profiles_dir, templates_dir=settings.templates_dir, check_agent=lambda _choice: None)
    triggers = make_triggers(settings, profiles)
    stopping, ended = threading.Event(), threading.Event()
    with listen(settings.web_host, settings.web_port) as listener:
        url = address(settings.web_host, listener)
        if not settings.public_url:
            settings = settings.model_copy(update={"public_url": url})
        with working(settings) as (database, parts):
            app = make_app(settings, database, parts.wakeup, triggers, stopping)
            with serving(app, listener, before_stop=stopping.set, on_end=ended.set):
                yield Bellhop(url, database, parts, ended)
