"""Serving the emulator: in a thread for tests, or in the foreground for the command line."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvicorn

from app.emulators.linear.emulator import LinearEmulator, create_app
from app.emulators.linear.seed import Seed, load_seed
from app.emulators.server import listen, serving, uvicorn_config

RETRIES_EVERY_SECONDS = 1.0


@contextmanager
def serve(emulator: LinearEmulator, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in a thread while the context lasts and yield the base URL; port 0 takes a free one.

    Retries are sent when a test calls `emulator.tick()`. Raises ServiceError when the server does not come up, ConfigurationError
    for a port that is taken.
    """
    listener = listen(host, port)
    emulator.world.base_url = f"http://{host}:{listener.getsockname()[1]}"
    with serving(create_app(emulator), listener, "Linear"):
        yield emulator.url


def run(
    *, port: int, seed_file: Path | None = None, host: str = "127.0.0.1", announce: Callable[[str], None] = lambda line: None,
) -> None:
    """Serve in the foreground until interrupted, retries included: what `bellhop emulate linear` calls.

    Raises ConfigurationError for a wrong seed and for a port that is taken.
    """
    seed = load_seed(seed_file) if seed_file else Seed()
    with ExitStack() as stack:
        emulator = stack.enter_context(LinearEmulator(seed))
        listener = stack.enter_context(listen(host, port))
        emulator.world.base_url = f"http://{host}:{listener.getsockname()[1]}"
        for line in how_to_use(emulator):
            announce(line)
        ended = threading.Event()
        clock = threading.Thread(target=_retry, args=(emulator, ended), name="linear-emulator-retries", daemon=True)
        clock.start()
        try:
            uvicorn.Server(uvicorn_config(create_app(emulator))).run(sockets=[listener])
        finally:
            ended.set()
            clock.join()


def how_to_use(emulator: LinearEmulator) -> list[str]:
    """Return who is there with which key, and the settings with which Bellhop uses this emulator; all of them are invented, and good nowhere else."""
    state, client = emulator.world.state, emulator.world.client
    app = emulator.seed.app
    tokens = {"access token": app.access_token, "refresh token": app.refresh_token} if client.installed else {}
    exports = {
        "BELLHOP_LINEAR_API_URL": emulator.url, "BELLHOP_LINEAR_WEB_URL": emulator.url, "BELLHOP_LINEAR_CLIENT_ID": client.id,
        "BELLHOP_LINEAR_CLIENT_SECRET": client.secret, "BELLHOP_LINEAR_WEBHOOK_SECRET": emulator.world.webhook.secret,
        "BELLHOP_LINEAR_BOT_NAME": client.user.display_name,
    }
    return [
        f"Linear emulator at {emulator.url} (GraphQL at {emulator.graphql_url}), workspace {state.organization.url_key}",
        f"App {client.name}, mentioned as @{client.user.display_name}, {'installed' if client.installed else 'not installed'}, "
        f"webhooks to {emulator.world.webhook.url or 'nowhere: set app.webhook_url in the seed'}",
        *(f"Person {user.display_name}, key {user.api_key}" for user in state.users.values() if user.api_key),
        *(f"Team {team.key}, id {team.id}" for team in state.teams.values()),
        *(f"Issue {issue.identifier}, id {issue.id}" for issue in state.issues.values()),
        *(f"The app's {name}: {value}" for name, value in tokens.items()),
        *(f"export {name}={shlex.quote(value)}" for name, value in exports.items()),
    ]


def _retry(emulator: LinearEmulator, ended: threading.Event) -> None:
    while not ended.wait(RETRIES_EVERY_SECONDS):
        emulator.tick()
