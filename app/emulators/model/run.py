"""Serving the emulator in the foreground, for the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import uvicorn

from app.emulators.model.asgi import create_app
from app.emulators.model.emulator import ANTHROPIC_KEY, GEMINI_KEY, OPENAI_KEY, ModelEmulator
from app.emulators.model.record import Record, load_record
from app.emulators.model.script import Script, load_script
from app.errors import ConfigurationError
from app.serving import listen


def run_model(
    *, port: int, script: Path | None = None, replay: Path | None = None, host: str = "127.0.0.1",
    announce: Callable[[str], object] = lambda line: sys.stdout.write(line + "\n"),
) -> None:
    """Serve in the foreground until interrupted: what `bellhop emulate model` calls.

    Raises ConfigurationError for a wrong file, for none, for both and for a port that is taken.
    """
    source = _source(script, replay)
    emulator = ModelEmulator(source, report=lambda failure: announce(f"not answered: {failure}"))
    try:
        listener = listen(host, port)
    except ConfigurationError as error:
        raise ConfigurationError(f"cannot listen on {host}:{port}: give another --port") from error
    with listener:
        what = "replaying" if isinstance(source, Record) else "playing"
        announce(f"Anthropic, OpenAI and Gemini at http://{host}:{listener.getsockname()[1]}, {what} {script or replay}")
        announce(f"keys: Anthropic {ANTHROPIC_KEY}, OpenAI {OPENAI_KEY}, Gemini {GEMINI_KEY}")
        config = uvicorn.Config(
            create_app(emulator), log_config=None, access_log=False, server_header=False, ws="none", lifespan="off",
            timeout_graceful_shutdown=1,
        )
        # uvicorn passes the interrupt on once it has stopped.
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def _source(script: Path | None, replay: Path | None) -> Script | Record:
    if script and not replay:
        return load_script(script)
    if replay and not script:
        return load_record(replay)
    raise ConfigurationError("give either --script FILE or --replay FILE")
