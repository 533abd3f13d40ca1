"""Serving the emulator: in a thread for tests, or in the foreground for the command line."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvicorn

from app.emulators.github.emulator import GitHubEmulator, create_app
from app.emulators.github.seed import Seed, load_seed
from app.emulators.server import listen, serving, uvicorn_config


@contextmanager
def serve(emulator: GitHubEmulator, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in a thread while the context lasts and yield the base URL; port 0 takes a free one.

    Sets the emulator's `web_url`. Raises ServiceError when the server does not come up, ConfigurationError for a port that is taken.
    """
    listener = listen(host, port)
    url = f"http://{host}:{listener.getsockname()[1]}"
    emulator.world.web_url = url
    with serving(create_app(emulator), listener, "GitHub"):
        yield url


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
        listener = stack.enter_context(listen(host, port))
        emulator.world.web_url = web_url or f"http://{host}:{listener.getsockname()[1]}"
        for line in (*emulator.describe(), *how_to_use(emulator, seed)):
            announce(line)
        uvicorn.Server(uvicorn_config(create_app(emulator))).run(sockets=[listener])


def how_to_use(emulator: GitHubEmulator, seed: Seed) -> list[str]:
    """Return the tokens and settings with which this emulator is used; all of them are invented, and good nowhere else."""
    people = [user for user in emulator.world.state.users.values() if user.token]
    key = seed.app.private_key_file
    exports = {
        "BELLHOP_GITHUB_API_URL": emulator.api_url, "BELLHOP_GITHUB_WEB_URL": emulator.web_url,
        "BELLHOP_GITHUB_APP_ID": str(emulator.app.id), "BELLHOP_GITHUB_WEBHOOK_SECRET": seed.app.webhook_secret,
        "BELLHOP_BOT_LOGIN": f"{emulator.app.slug}[bot]",
        **({"BELLHOP_GITHUB_PRIVATE_KEY_FILE": str(key)} if key else {}),
        # Nobody could come back to an address that the seed does not name.
        **(_signing_in(emulator, seed) if seed.app.callback_urls else {}),
    }
    return [
        *(f"Person {user.login}, token {user.token}" for user in people),
        f"The App's private key: {key or 'yours (app.public_key in the seed)'}",
        *(f"export {name}={shlex.quote(value)}" for name, value in exports.items()),
    ]


def _signing_in(emulator: GitHubEmulator, seed: Seed) -> dict[str, str]:
    exports = {"BELLHOP_GITHUB_CLIENT_ID": emulator.app.client_id, "BELLHOP_GITHUB_CLIENT_SECRET": seed.app.client_secret}
    home, found, _ = seed.app.callback_urls[0].partition("/signin/callback")
    return exports | ({"BELLHOP_PUBLIC_URL": home} if found else {})
