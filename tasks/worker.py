"""The composition root of the worker: chooses the parts, and binds the four tasks to Celery."""

from __future__ import annotations

import threading
from functools import partial

import structlog
from celery import Celery
from celery.worker import WorkController
from sqlalchemy.exc import SQLAlchemyError

from app.execute.agents import agent_named
from app.execute.gateway.control import GatewayClient
from app.execute.grants.github_app import GitHubApp
from app.execute.grants.keeping import KeepingMinter
from app.execute.grants.vault import Vault
from app.execute.sandboxes.choose import usable_backends
from app.execute.tooling.choose import Tooling
from app.execute.workspace import Workspaces
from app.ledger import hosts
from app.ledger.database import Database
from app.ledger.sealed import Sealed
from app.ports import Closes, Wakeup
from app.profiles import load_profiles, load_registries
from app.profiles.places import load_places
from app.settings import Settings
from tasks.finish import finish
from tasks.pacing import SharedPace
from tasks.parts import Parts
from tasks.queue import EVENTS_QUEUE, host_queue
from tasks.replying.teller import Teller
from tasks.route import route
from tasks.start import start
from tasks.sweep import sweep, tick
from tasks.threads import AppThreads
from triggers import make_conversations, make_services

log = structlog.get_logger()


def make_parts(settings: Settings, database: Database, wakeup: Wakeup) -> Parts:
    """Choose what stands behind each port on this host."""
    vault = Vault(settings.credentials_dir)
    pace = SharedPace(database, settings.github_write_spacing_seconds)
    chat_pace = SharedPace(database, settings.slack_write_spacing_seconds)
    services, conversations = make_services(settings, pace), make_conversations(settings, partial(Sealed, database), chat_pace)
    backends = usable_backends(settings)
    app = GitHubApp.from_settings(settings, pace)
    minter = KeepingMinter(app, vault)
    tooling = Tooling(settings)
    registries = load_registries(settings.registries_file)
    return Parts(
        settings=settings,
        database=database,
        wakeup=wakeup,
        profiles=load_profiles(
            settings.profiles_dir, templates_dir=settings.templates_dir,
            check_agent=lambda choice: agent_named(choice.uses).check(choice),
            registries=registries,
        ),
        services=services,
        minter=minter,
        vault=vault,
        workspaces=Workspaces(settings),
        gateway=GatewayClient(settings.gateway_socket),
        backends=backends,
        tooling=tooling.ensure,
        tooling_parts=tooling.parts,
        agent=agent_named,
        registries=registries,
        conversations=conversations,
        places=load_places(settings.places_file),
        census=app,
        pace=pace,
        chat_pace=chat_pace,
        closing=tuple(part.close for part in (*dict.fromkeys(services.values()), *conversations.values(), minter, *backends, tooling) if isinstance(part, Closes)),
    )


def register(celery: Celery, parts: Parts) -> None:
    """Bind the tasks: each a name around a plain function that takes an id; to this app only, as its parts are."""

    @celery.task(name="bellhop.route", shared=False)
    def route_task(*inbox_ids: int) -> None:
        for inbox_id in inbox_ids:
            try:
                route(parts, inbox_id)
            except SQLAlchemyError as error:  # the sweeper finds it; those behind it are not its fault
                log.error("ledger_down", inbox_id=inbox_id, error=type(error).__name__)

    @celery.task(name="bellhop.start", shared=False)
    def start_task(run_id: str) -> None:
        start(parts, run_id)

    @celery.task(name="bellhop.finish", shared=False)
    def finish_task(run_id: str) -> None:
        finish(parts, run_id)

    @celery.task(name="bellhop.sweep", shared=False)
    def sweep_task() -> None:
        sweep(parts)

    @celery.task(name="bellhop.tick", shared=False)
    def tick_task() -> None:
        tick(parts)


def make_controller(celery: Celery, settings: Settings) -> WorkController:
    """Build a Celery worker that can run in any thread: short tasks in a thread pool, this host's queues only."""
    return WorkController(
        app=celery, pool_cls=AppThreads, concurrency=settings.worker_concurrency, loglevel=settings.log_level,
        queues=[EVENTS_QUEUE, host_queue(settings.host_name)],
        without_gossip=True, without_mingle=True, without_heartbeat=True,
    )


# Well within hosts.ALIVE_SECONDS, so that one missed note makes no host look dead.
PRESENCE_SECONDS = 30.0


class Presence:
    """Notes every half minute that this host is alive: by its own clock, not by ticks that a broker may lose.

    Ticks go to the hosts that are alive. Were being alive noted by the sweep alone, a broker that is away for a few
    minutes, or a laptop that sleeps, would leave no host to tick, for good.
    """

    def __init__(self, database: Database, host: str, every_seconds: float = PRESENCE_SECONDS) -> None:
        self._every_seconds = every_seconds
        self._database = database
        self._host = host
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._note_forever, name="presence", daemon=True)

    def start(self) -> None:
        """Note it at once, and go on noting it. Raises SQLAlchemyError when the first note cannot be made."""
        self._note()
        self._thread.start()

    def stop(self) -> None:
        """Stop noting it."""
        self._over.set()
        self._thread.join(timeout=5)

    def _note_forever(self) -> None:
        while not self._over.wait(self._every_seconds):
            try:
                self._note()
            except SQLAlchemyError as error:
                log.warning("presence_not_noted", error=type(error).__name__)

    def _note(self) -> None:
        with self._database.begin() as tx:
            hosts.seen(tx, self._host)


class Worker:
    """A Celery worker in a thread of this process."""

    def __init__(self, celery: Celery, parts: Parts) -> None:
        register(celery, parts)
        self._parts = parts
        self._presence = Presence(parts.database, parts.settings.host_name)
        self._teller = Teller(parts)
        self._controller = make_controller(celery, parts.settings)
        self._thread = threading.Thread(target=self._controller.start, name="worker", daemon=True)

    def start(self) -> None:
        """Make this host known, look at once for what was left standing, and begin."""
        self._presence.start()
        self._thread.start()
        self._teller.start()
        self._parts.wakeup.sweep(self._parts.settings.host_name)

    def stop(self) -> None:
        """Take no more work, and let what runs end."""
        # Returns when the pool is empty. The consumer's loop, idle by now, looks up within two seconds and ends by
        # itself: nobody waits for that.
        self._controller.stop()
        self._teller.stop()
        self._presence.stop()

    def wait(self) -> None:
        """Block until the worker ends."""
        self._thread.join()
