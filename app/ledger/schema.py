"""Bringing a database to the present schema, and saying whether it is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from app.errors import ConfigurationError
from app.ledger.database import Database
from app.ledger.tables import metadata

if TYPE_CHECKING:
    from alembic.config import Config

# Any number will do, as long as every Bellhop process asks PostgreSQL for the same lock.
_MIGRATION_LOCK = 7_402_311

_MIGRATIONS = Path(__file__).parent / "migrations"


def _config() -> Config:
    from alembic.config import Config  # noqa: PLC0415 - who only looks need not load Alembic

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def upgrade(database: Database) -> None:
    """Run every migration that is missing; several processes may start at once. Raises ConfigurationError."""
    from alembic import command  # noqa: PLC0415 - as above

    with _reached(database), database.begin() as tx:
        if database.dialect == "postgresql":
            tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        config = _config()
        config.attributes["connection"] = tx
        command.upgrade(config, "head")


def revision(database: Database) -> tuple[str | None, str | None]:
    """Return (the database's revision, the newest revision). Raises ConfigurationError.

    A migration's file is named `<revision>_<what>.py`, in order; a test compares this with Alembic's own view.
    """
    newest = max((path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py")), default=None)
    with _reached(database), database.read() as tx:
        if not inspect(tx).has_table("alembic_version"):
            return None, newest
        return tx.execute(text("SELECT version_num FROM alembic_version")).scalar(), newest


def require_current(database: Database) -> None:
    """Raise ConfigurationError unless the database is at the newest revision."""
    present, newest = revision(database)
    if present != newest:
        raise ConfigurationError(
            f"the database is at revision {present or 'none'}, this Bellhop needs {newest}: run `bellhop migrate`"
        )


def drift(database: Database) -> list[object]:
    """Return the differences between the tables in code and in a migrated database; none is what it should be."""
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415 - as above
    from alembic.migration import MigrationContext  # noqa: PLC0415

    with database.read() as tx:
        return list(compare_metadata(MigrationContext.configure(tx), metadata))


@contextmanager
def _reached(database: Database) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        said = " ".join(str(error.orig).split())[:300]
        raise ConfigurationError(
            f"the {database.dialect} database cannot be used ({said}): check that it runs, and BELLHOP_DATABASE_URL "
            "or BELLHOP_STATE_DIR", reason="database",
        ) from error
