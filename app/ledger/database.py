"""One database, SQLite (WAL) or PostgreSQL, behind two verbs: `begin` to write, `read` to look."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, Table, create_engine, event, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from app.errors import ConfigurationError

BUSY_TIMEOUT_SECONDS = 30
CONNECT_TIMEOUT_SECONDS = 10


class now_ms(FunctionElement[int]):  # noqa: N801 - SQL functions are spelt in lower case
    """The database's own clock in milliseconds since 1970, the only clock that leases go by."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_ms, "sqlite")
def _now_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    # unixepoch('subsec') needs SQLite 3.42; Debian 12 has 3.40.
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@compiles(now_ms, "postgresql")
def _now_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    # clock_timestamp(), not now(): now() stands still within a transaction.
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"


def clock_ms(tx: Connection) -> int:
    """Return the database's time, in milliseconds since 1970."""
    return int(tx.execute(select(now_ms())).scalar_one())


def insert_unless(tx: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT which can say what is done about a row that is there: both databases have that, in dialects of their own."""
    return postgresql.insert(table) if tx.dialect.name == "postgresql" else sqlite.insert(table)


class Database:
    """Connections to the ledger.

    `url` is SQLAlchemy's: `sqlite:////path/to/bellhop.db` or `postgresql+psycopg://...`.
    Raises ConfigurationError for any other database.
    """

    def __init__(self, url: str) -> None:
        try:
            backend = make_url(url).get_backend_name()
        except ArgumentError:
            # The URL may hold a password: it is not repeated here.
            backend = "badly named"
        if backend == "sqlite":
            self.engine = _sqlite(url)
        elif backend == "postgresql":
            self.engine = create_engine(url, hide_parameters=True, pool_pre_ping=True, pool_size=10, max_overflow=20)
        else:
            raise ConfigurationError(
                f"the ledger cannot be a {backend} database: set BELLHOP_DATABASE_URL to "
                "sqlite:////path/bellhop.db or postgresql+psycopg://user@host/name"
            )
        self.url = url
        self.dialect = backend

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Open one write transaction; it commits when the block ends and rolls back on any exception."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open one read transaction; it never takes SQLite's write lock."""
        with self.engine.connect().execution_options(bellhop_read=True) as connection:
            yield connection

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()


def _sqlite(url: str) -> Engine:
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False})

    @event.listens_for(engine, "do_connect")
    def _closed(_dialect: Any, _record: Any, arguments: Any, _keywords: Any) -> None:
        # What SQLite makes itself is open to every user of the machine, and transcripts are nobody else's; its
        # write-ahead log gets the mode of the database. Where the file cannot be made, SQLite's own error says so.
        # Made without being opened: to close any descriptor of a database drops all locks that this process has on it,
        # and whoever looks then deletes the log in use (https://www.sqlite.org/howtocorrupt.html, section 2.2).
        name = str(arguments[0])
        if name and not name.startswith((":memory:", "file:")):
            with contextlib.suppress(OSError):
                os.mknod(name, 0o600 | stat.S_IFREG)

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        # The driver must not open transactions by itself: BEGIN IMMEDIATE below does.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        # FULL, not NORMAL: an acknowledged delivery survives a power cut.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A deferred transaction that turns into a writer fails at once when another writes; an immediate one waits.
        reading = connection.get_execution_options().get("bellhop_read", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine
