"""`bellhop linear connect`: an address at which an admin of the workspace puts Bellhop's app into it."""

from __future__ import annotations

from collections.abc import Iterator

from app.commands.ledger import open_ledger
from app.ledger.sealed import Sealed
from app.settings import Settings
from triggers.linear.connect import CONNECTING, begin, redirect_uri


def connect_linear(settings: Settings) -> Iterator[str]:
    """Yield what to do. Raises ConfigurationError."""
    key = settings.linear_client_secret.get_secret_value().encode()
    with open_ledger(settings) as database:
        url = begin(settings, Sealed(database, CONNECTING, key))
    yield f"Linear has to know {redirect_uri(settings)} as a redirect address of the app."
    yield "An admin of the workspace opens this within ten minutes, and agrees:"
    yield url

