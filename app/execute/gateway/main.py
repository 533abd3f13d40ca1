"""The gateway's composition root: one event loop per Docker host, in its own process or in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from urllib.parse import urlsplit

import anyio
import structlog
from anyio import to_thread

from app.errors import ConfigurationError
from app.execute.agents import agent_named
from app.execute.gateway.control_api import control_application
from app.execute.gateway.doors import Doors
from app.execute.gateway.egress.addresses import parse_networks
from app.execute.gateway.egress.dial import Dialler, Resolve, resolve_here
from app.execute.gateway.egress.proxy import proxy_of
from app.execute.gateway.files import raise_file_limit
from app.execute.gateway.ledger_threads import LedgerThreads
from app.execute.gateway.listener import Listener
from app.execute.gateway.model_api import model_routes
from app.execute.gateway.places import Places, only_gateway
from app.execute.gateway.registry.cache import Cache
from app.execute.gateway.registry.entry import Entry, entries
from app.execute.gateway.registry.shelf import Shelf
from app.execute.gateway.registry.surface import registry_routes
from app.execute.gateway.repository.forge import Forge
from app.execute.gateway.repository.surface import repository_routes
from app.execute.gateway.tools.surface import tool_routes
from app.execute.gateway.transport import outbound_transport
from app.execute.gateway.upstream import Upstream
from app.ledger.database import Database
from app.ports import AgentAdapter
from app.profiles import load_registries
from app.settings import Settings, registry_token

log = structlog.get_logger()

START_SECONDS = 15.0
STOP_SECONDS = 15.0


async def serve_gateway(
    settings: Settings, database: Database, on_ended: Callable[[str, str], None], *, stop: asyncio.Event,
    agent: Callable[[str], AgentAdapter] = agent_named, resolve: Resolve = resolve_here,
    started: Callable[[], None] = lambda: None,
) -> None:
    """Serve this host's doors until `stop` is set, then close them within a few seconds.

    `on_ended(run_id, host)` is called in a thread after a sandbox's end, or news for its thread, has been committed; `started` once the
    control socket takes calls; `resolve` looks up the names of tunnels. Raises ConfigurationError.
    """
    places = Places(settings.runtime_dir, settings.state_dir)
    upstream, forge = Upstream(settings), Forge(settings)
    dialler = Dialler(
        private_networks=parse_networks(settings.egress_private_networks), proxy=proxy_of(settings), resolve=resolve
    )
    known = entries(load_registries(settings.registries_file), registry_token)
    raise_file_limit()
    places.prepare()
    with only_gateway(places.lock):
        shelf = Shelf(known, outbound_transport(settings), Cache(places.registry_cache, settings.registry_cache_mb * 2**20))
        await to_thread.run_sync(shelf.cache.prepare)
        doors = Doors(
            host=settings.host_name, places=places, ledger=LedgerThreads(database), agent=agent, on_ended=on_ended,
            surfaces=(
                # The registries last: what npm asks for outside /registry looks like many a path.
                model_routes(upstream), tool_routes(_secrets(settings, known)), repository_routes(forge), registry_routes(shelf),
            ),
            dialler=dialler, registry_hosts=_hosts(known),
        )
        control = Listener(places.control_socket, control_application(doors), mode=0o600)
        try:
            await doors.reopen()
            control.start()
            log.info("gateway_started", doors=len(doors))
            started()
            await stop.wait()
        finally:
            with anyio.CancelScope(shield=True):
                await control.stop()
                await doors.stop()
                await upstream.close()
                await shelf.close()
                await forge.close()


def _hosts(registries: Mapping[str, Entry]) -> dict[str, str]:
    """Return which registry each host is of; of several the first."""
    found: dict[str, str] = {}
    for name, entry in registries.items():
        for address in entry.registry.addresses:
            found.setdefault(urlsplit(address).hostname or "", name)
    return found


def _secrets(settings: Settings, registries: Mapping[str, Entry]) -> tuple[str, ...]:
    """Return the long-lived secrets that this process knows."""
    known = (*settings.model_keys, settings.github_webhook_secret, settings.github_private_key)
    tokens = [secret.decode() for entry in registries.values() for secret in entry.secrets]
    return (*(value for each in known if (value := each.get_secret_value())), *tokens)


@contextmanager
def gateway_thread(
    settings: Settings, database: Database, on_ended: Callable[[str, str], None], *,
    agent: Callable[[str], AgentAdapter] = agent_named, resolve: Resolve = resolve_here,
) -> Iterator[None]:
    """Serve this host's doors from a thread for the length of the block. Raises ConfigurationError."""
    running: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        await serve_gateway(settings, database, on_ended, stop=stop, agent=agent, resolve=resolve,
                            started=lambda: running.set_result((loop, stop)))

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            if running.done():
                # Nobody waits for this thread: what ended it must at least be seen.
                log.exception("gateway_died")
            else:
                running.set_exception(error)

    thread = threading.Thread(target=run, name="gateway", daemon=True)
    thread.start()
    try:
        loop, stop = running.result(timeout=START_SECONDS)
    except TimeoutError:
        raise ConfigurationError("the gateway did not start in time; its log says why") from None
    try:
        yield
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=STOP_SECONDS)
