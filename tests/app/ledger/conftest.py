"""The ledger's conformance suite runs on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from app.ledger import schema
from app.ledger.database import Database


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty ledger."""
    if request.param == "sqlite":
        ledger = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    else:
        ledger = Database(request.getfixturevalue("postgres_url"))
        with ledger.begin() as tx:
            tx.execute(text("DROP SCHEMA public CASCADE"))
            tx.execute(text("CREATE SCHEMA public"))
    schema.upgrade(ledger)
    yield ledger
    ledger.close()
