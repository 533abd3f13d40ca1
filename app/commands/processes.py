"""The long-running verbs: each builds one process from the settings and runs it until it is told to end."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import ExitStack

from rich.console import Console

from app.commands.ledger import open_ledger
from app.errors import ConfigurationError
from app.ledger import schema
from app.ledger.database import Database
from app.log import configure_logging
from app.settings import Settings


def run_all(settings: Settings, console: Console) -> None:
    """Run the embedded Bellhop until SIGINT or SIGTERM. Raises ConfigurationError."""
    from app.embedded import running

    configure_logging(settings.log_level, readable=True)
    over = _until_signal()
    with running(settings) as bellhop:
        console.print(f"Bellhop is up. Webhooks: {bellhop.parts.settings.public_url.rstrip('/')}/hooks/github", soft_wrap=True)
        console.print(f"Pages (this link works once): {bellhop.new_link()}", soft_wrap=True)
        for backend in bellhop.parts.backends:
            console.print(f"Sandboxes: {backend.name}, isolation level `{backend.isolation}`", soft_wrap=True)
        if not bellhop.parts.backends:
            console.print("No sandbox backend works on this host: `bellhop doctor` says what is missing.", style="red")
        _wait(over, bellhop.ended)
        console.print("Stopping; sandboxes that run go on, and are found again at the next start.", soft_wrap=True)


def run_web(settings: Settings) -> None:
    """Run the web process until SIGINT or SIGTERM. Raises ConfigurationError."""
    from app.main import create_app
    from app.serving import listen, serving

    require_broker(settings, "web")
    over, stopping, ended = _until_signal(), threading.Event(), threading.Event()
    app = create_app(settings, stopping)
    listener = listen(settings.web_host, settings.web_port)
    with serving(app, listener, before_stop=stopping.set, on_end=ended.set):
        _wait(over, ended)


def run_worker(settings: Settings) -> None:
    """Run this host's worker until SIGINT or SIGTERM. Raises ConfigurationError, ProfileError."""
    from app.embedded import prepare_directories
    from tasks.queue import CeleryWakeup, make_celery
    from tasks.worker import Worker, make_parts

    require_broker(settings, "worker")
    configure_logging(settings.log_level)
    prepare_directories(settings)
    over = _until_signal()
    with ExitStack() as stack:
        database = stack.enter_context(open_ledger(settings))
        celery = make_celery(settings)
        wakeup = CeleryWakeup(celery)
        stack.callback(wakeup.close)
        parts = make_parts(settings, database, wakeup)
        stack.callback(parts.close)
        process = Worker(celery, parts)
        process.start()
        stack.callback(process.stop)
        over.wait()


def run_gateway(settings: Settings) -> None:
    """Run this host's gateway until SIGINT or SIGTERM. Raises ConfigurationError."""
    from app.embedded import prepare_directories
    from app.execute.gateway.main import serve_gateway
    from tasks.queue import CeleryWakeup, make_celery

    require_broker(settings, "gateway")
    configure_logging(settings.log_level)
    prepare_directories(settings)
    with ExitStack() as stack:
        database = stack.enter_context(open_ledger(settings))
        wakeup = CeleryWakeup(make_celery(settings))
        stack.callback(wakeup.close)

        async def until_told() -> None:
            loop = asyncio.get_running_loop()
            stop = asyncio.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.set)
            await serve_gateway(settings, database, on_ended=wakeup.finish, stop=stop)

        asyncio.run(until_told())


def run_beat(settings: Settings) -> None:
    """Run the schedule until SIGINT or SIGTERM. Raises ConfigurationError."""
    from tasks.beat import Beat
    from tasks.queue import make_celery

    require_broker(settings, "beat")
    configure_logging(settings.log_level)
    over = _until_signal()
    process = Beat(make_celery(settings))
    process.start()
    over.wait()
    process.stop()


def run_migrations(settings: Settings) -> str:
    """Migrate the database and return what it is at. Raises ConfigurationError."""
    if not settings.database_url:
        from app.embedded import prepare_directories

        prepare_directories(settings)
    database = Database(settings.ledger_url)
    try:
        schema.upgrade(database)
        return f"the database is at revision {schema.revision(database)[0]}"
    finally:
        database.close()


def require_broker(settings: Settings, verb: str) -> None:
    """Raise ConfigurationError when the broker is one that no other process can reach."""
    if settings.broker_url.startswith("memory://"):
        raise ConfigurationError(
            f"`bellhop {verb}` is one process of several, and BELLHOP_BROKER_URL is memory://, which no other process "
            "can reach: set it to redis://..., or run everything in one process with `bellhop up`"
        )


def _wait(over: threading.Event, ended: threading.Event) -> None:
    while not over.wait(0.5):
        if ended.is_set():
            raise ConfigurationError("the web server ended by itself; its log says why")


def _until_signal() -> threading.Event:
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    return over
