"""Cases that become one while something begins in them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from app.ledger import cases, runs, schema
from app.ledger.cases import Joined
from app.ledger.database import Database
from tests.app.ledger.make import PROFILE, REPO, event

SLACK, ISSUE = "slack:T1/C1/1.000001", "github:octo/till#1"


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Database]:
    """A migrated, empty ledger; SQLite lets one write at a time anyway."""
    ledger = Database(postgres_url)
    with ledger.begin() as tx:
        tx.execute(text("DROP SCHEMA public CASCADE"))
        tx.execute(text("CREATE SCHEMA public"))
    schema.upgrade(ledger)
    yield ledger
    ledger.close()


@pytest.mark.postgres
def test_a_run_that_begins_while_its_case_is_joined_stays_in_it(postgres: Database) -> None:
    with postgres.begin() as tx:
        for thread in (SLACK, ISSUE):
            runs.case_of(tx, thread)

    def join() -> Joined:
        with postgres.begin() as tx:
            return cases.join(tx, SLACK, ISSUE, REPO.id)

    def is_waiting() -> bool:
        with postgres.read() as tx:
            return bool(tx.execute(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")).scalar_one())

    with ThreadPoolExecutor(1) as pool:
        with postgres.begin() as tx:
            run_id = runs.create(tx, event(thread=SLACK), PROFILE, "here")
            joining = pool.submit(join)
            while not (joining.done() or is_waiting()):
                pass
        assert joining.result().is_news
    with postgres.read() as tx:
        run = runs.load(tx, str(run_id))
        assert run is not None
        assert run.case_id == cases.known_case(tx, SLACK) == cases.known_case(tx, ISSUE)
