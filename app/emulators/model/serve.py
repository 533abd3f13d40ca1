"""Serving the emulator from a thread, for tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.emulators.model.asgi import create_app
from app.emulators.model.emulator import ModelEmulator
from app.serving import listen, serving


@contextmanager
def serve(emulator: ModelEmulator, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in a thread while the context lasts and yield the base URL; port 0 takes a free one."""
    closing = threading.Event()
    listener = listen(host, port)
    url = f"http://{host}:{listener.getsockname()[1]}"
    with serving(create_app(emulator, closing), listener, stop_seconds=1):
        try:
            yield url
        finally:
            closing.set()
