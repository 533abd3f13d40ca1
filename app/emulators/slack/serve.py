"""Serving the emulator: in a thread for tests, or in the foreground for the command line."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvicorn

from app.emulators.server import listen, serving, uvicorn_config
from app.emulators.slack.emulator import SlackEmulator, create_app
from app.emulators.slack.seed import Seed, load_seed


@contextmanager
def serve(emulator: SlackEmulator, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in a thread while the context lasts and yield the base URL; port 0 takes a free one.

    Sets the emulator's `web_url`. Raises ServiceError when the server does not come up, ConfigurationError for a port that is taken.
    """
    listener = listen(host, port)
    url = f"http://{host}:{listener.getsockname()[1]}"
    emulator.world.web_url = url
    with serving(create_app(emulator), listener, "Slack", websockets=True):
        yield url


def run(
    *, port: int, seed_file: Path | None = None, host: str = "127.0.0.1", web_url: str | None = None,
    announce: Callable[[str], None] = lambda line: None,
) -> None:
    """Serve in the foreground until interrupted: what `bellhop emulate slack` calls.

    `web_url` is how others reach the emulator when that is not `http://host:port`. `announce` gets the lines that a person wants
    to see. Raises ConfigurationError for a wrong seed and for a port that is taken.
    """
    seed = load_seed(seed_file) if seed_file else Seed()
    with ExitStack() as stack:
        emulator = stack.enter_context(SlackEmulator(seed))
        listener = stack.enter_context(listen(host, port))
        emulator.world.web_url = web_url or f"http://{host}:{listener.getsockname()[1]}"
        for line in (*emulator.describe(), *credentials(emulator)):
            announce(line)
        uvicorn.Server(uvicorn_config(create_app(emulator), websockets=True)).run(sockets=[listener])


def credentials(emulator: SlackEmulator) -> list[str]:
    """Return the settings with which Bellhop uses this emulator; all of the tokens and secrets are invented, and good nowhere else."""
    app = emulator.app
    exports = {
        "BELLHOP_SLACK_API_URL": emulator.api_url.rstrip("/"), "BELLHOP_SLACK_BOT_TOKEN": app.bot_token,
        **({"BELLHOP_SLACK_APP_TOKEN": app.app_token} if app.socket_mode else {"BELLHOP_SLACK_SIGNING_SECRET": app.signing_secret}),
    }
    return [f"export {name}={shlex.quote(value)}" for name, value in exports.items()]
