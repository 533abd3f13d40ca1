"""Who may read the ledger on disk."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from app.ledger import schema
from app.ledger.database import Database


@pytest.mark.parametrize("umask", [0o022, 0o000])
def test_no_other_user_of_the_machine_can_read_the_ledger(tmp_path: Path, umask: int) -> None:
    """The state directory can be passed through, because sandboxes live below it: each file must be closed by itself."""
    before = os.umask(umask)
    try:
        database = Database(f"sqlite:///{tmp_path / 'bellhop.db'}")
        schema.upgrade(database)
        with database.begin() as tx:
            tx.exec_driver_sql("CREATE TABLE more (x)")
            files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        database.close()
    finally:
        os.umask(before)
    assert files == {"bellhop.db": 0o600, "bellhop.db-wal": 0o600, "bellhop.db-shm": 0o600}


def test_a_mode_that_the_operator_gave_stays(tmp_path: Path) -> None:
    path = tmp_path / "bellhop.db"
    path.touch()
    path.chmod(0o640)
    database = Database(f"sqlite:///{path}")
    schema.upgrade(database)
    database.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
