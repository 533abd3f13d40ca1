"""Serving the emulator: in a thread for tests, or in the foreground for the command line."""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.emulators.github.emulator import GitHubEmulator, create_app
from app.emulators.github.seed import Seed, load_seed
from app.errors import ConfigurationError, ServiceError
from app.prompt_server import PromptServer

START_TIMEOUT_SECONDS = 10.0


class DroppableProtocol(H11Protocol):
    """uvicorn's protocol, with the connection's transport in the request's state, so that a fault can drop it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember the transport of this one connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


@contextmanager
def serve(emulator: GitHubEmulator, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in a thread while the context lasts and yield the base URL; port 0 takes a free one.

    Sets the emulator's `web_url`. Raises ServiceError when the server does not come up, ConfigurationError for a port that is taken.
    """
    listener = _listen(host, port)
    url = f"http://{host}:{listener.getsockname()[1]}"
    emulator.world.web_url = url
    server = PromptServer(_config(emulator))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="github-emulator", daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise ServiceError("The GitHub emulator did not start; its own log says why", reason="emulator")
            thread.join(0.005)
        yield url
    finally:
        server.end()
        thread.join(START_TIMEOUT_SECONDS)
        listener.close()


def run(
    *, port: int, seed_file: Path | None = None, host: str = "127.0.0.1", directory: Path | None = None,
    web_url: str | None = None, announce: Callable[[str], None] = lambda line: None,
) -> None:
    """Serve in the foreground until interrupted: what `bellhop emulate github` calls.

    `directory` keeps the git repositories (a temporary one by default); `web_url` is how others reach the
    emulator when that is not `http://host:port`. `announce` gets the lines that a person wants to see.
    Raises ConfigurationError for a wrong seed and for a port that is taken.
    """
    seed = load_seed(seed_file) if seed_file else Seed()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bellhop-emulated-github-")))
        if seed.app.public_key is None and seed.app.private_key_file is None:
            # Else nobody outside this process could sign in as the App.
            app = seed.app.model_copy(update={"private_key_file": scratch / "app.pem"})
            seed = seed.model_copy(update={"app": app})
        emulator = stack.enter_context(GitHubEmulator(directory or scratch / "git", seed))
        listener = stack.enter_context(_listen(host, port))
        emulator.world.web_url = web_url or f"http://{host}:{listener.getsockname()[1]}"
        for line in (*emulator.describe(), *how_to_use(emulator, seed)):
            announce(line)
        uvicorn.Server(_config(emulator)).run(sockets=[listener])


def how_to_use(emulator: GitHubEmulator, seed: Seed) -> list[str]:
    """Return the tokens and settings with which this emulator is used; all of them are invented, and good nowhere else."""
    people = [user for user in emulator.world.state.users.values() if user.token]
    key = seed.app.private_key_file
    exports = {
        "BELLHOP_GITHUB_API_URL": emulator.api_url, "BELLHOP_GITHUB_WEB_URL": emulator.web_url,
        "BELLHOP_GITHUB_APP_ID": str(emulator.app.id), "BELLHOP_GITHUB_WEBHOOK_SECRET": seed.app.webhook_secret,
        "BELLHOP_BOT_LOGIN": f"{emulator.app.slug}[bot]",
        **({"BELLHOP_GITHUB_PRIVATE_KEY_FILE": str(key)} if key else {}),
    }
    return [
        *(f"Person {user.login}, token {user.token}" for user in people),
        f"The App's private key: {key or 'yours (app.public_key in the seed)'}",
        *(f"export {name}={shlex.quote(value)}" for name, value in exports.items()),
    ]


def _listen(host: str, port: int) -> socket.socket:
    try:
        listener = socket.create_server((host, port), backlog=256)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise ConfigurationError(f"cannot listen on {host}:{port} ({why}): give another --port") from error
    listener.set_inheritable(False)
    return listener


def _config(emulator: GitHubEmulator) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(emulator), http=DroppableProtocol, ws="none", lifespan="off", log_config=None, access_log=False,
        server_header=False, timeout_graceful_shutdown=2,
    )
