"""The embedded ledger is read by other processes (`bellhop runs`) while `bellhop up` writes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from app.ledger import inbox, schema
from app.ledger.database import Database
from tests.app.ledger.make import event

ROOT = Path(__file__).resolve().parents[3]
COUNT = """\
import sys
from app.ledger.database import Database
database = Database(sys.argv[1])
with database.read() as tx:
    print(tx.exec_driver_sql("SELECT count(*) FROM inbox").scalar())
database.close()
"""


def test_whoever_looks_neither_takes_the_log_away_nor_sees_the_past(tmp_path: Path) -> None:
    """Closing any file descriptor of a database drops every lock that the process has on it.

    Whoever else closes the database then takes itself for the last and deletes the write-ahead log in use.
    https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_
    """
    url = f"sqlite:///{tmp_path}/bellhop.db"
    database = Database(url)
    schema.upgrade(database)
    log = tmp_path / "bellhop.db-wal"
    # Two connections at once: the second is made while the first has its locks.
    with database.read() as one, database.read() as other:
        assert one.exec_driver_sql("SELECT 1").scalar() == other.exec_driver_sql("SELECT 1").scalar()
    for number in range(1, 4):
        with database.begin() as tx:
            inbox.store(tx, event(f"d-{number}"))
        before = log.stat().st_ino
        done = subprocess.run([sys.executable, "-c", COUNT, url], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout == f"{number}\n"
        assert log.stat().st_ino == before
    database.close()
