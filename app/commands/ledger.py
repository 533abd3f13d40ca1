"""Opening the ledger for a command: one clear line when it is not there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import ConfigurationError
from app.ledger import schema
from app.ledger.database import Database
from app.settings import Settings


@contextmanager
def open_ledger(settings: Settings) -> Iterator[Database]:
    """Open the database of the settings for the block. Raises ConfigurationError: none there, not at this version."""
    file = settings.state_dir / "bellhop.db"
    if not settings.database_url and not file.exists():
        # Opening would make an empty one.
        raise ConfigurationError(
            f"there is no database yet ({file}): `bellhop up` or `bellhop migrate` makes it; "
            "if Bellhop's is elsewhere, set BELLHOP_STATE_DIR or BELLHOP_DATABASE_URL"
        )
    database = Database(settings.ledger_url)
    try:
        schema.require_current(database)
        yield database
    finally:
        database.close()
