"""The gateway, worker and beat of the bench's runs, in a process of their own: they end with it, at a signal."""

from __future__ import annotations

import signal

from app.embedded import working
from app.log import configure_logging
from app.settings import Settings


def main() -> None:
    """Work until asked to end."""
    configure_logging("ERROR", readable=True)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    with working(Settings()):
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()
