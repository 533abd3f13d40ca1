"""What only shows on PostgreSQL: writers do not wait for each other there."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import text

from app.ledger import steps
from app.ledger.database import Database
from app.ledger.tables import metadata
from app.settings import Settings
from tests.app.execute.gateway.house import House

pytestmark = pytest.mark.postgres


@pytest.fixture
def postgres_house(settings: Settings, postgres_url: str) -> Iterator[House]:
    """A gateway whose ledger is PostgreSQL."""
    database = Database(postgres_url)
    with database.begin() as tx:
        tx.execute(text("DROP SCHEMA public CASCADE"))
        tx.execute(text("CREATE SCHEMA public"))
    metadata.create_all(database.engine)
    house = House(settings, database)
    house.start()
    try:
        yield house
    finally:
        house.stop()
        database.close()


def test_two_sandboxes_of_one_run_lose_no_line_to_each_other(postgres_house: House) -> None:
    work = postgres_house.sandbox()
    run_id = work.partition("-")[0]
    verify = postgres_house.sandbox(role="verify", run_id=run_id)

    def talk(door: httpx.Client) -> None:
        for number in range(40):
            lines = [{"stream": "stdout", "text": f"{number} \x00 \ufffd"}]
            assert door.post("/runner/steps", json={"first": number, "lines": lines}).json() == {"next": number + 1}

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(talk, postgres_house.claimed(sandbox)) for sandbox in (work, verify)]:
            done.result(60)
    with postgres_house.database.read() as tx:
        rows = steps.after(tx, run_id)
    assert [row.sequence for row in rows] == list(range(80))
    for sandbox in (work, verify):
        assert [row.step.text.split()[0] for row in rows if row.sandbox_id == sandbox] == [str(n) for n in range(40)]


def test_an_exchange_and_its_audit_row_are_kept(postgres_house: House) -> None:
    sandbox_id = postgres_house.sandbox()
    runner = postgres_house.claimed(sandbox_id)
    assert postgres_house.door(sandbox_id).post("/anthropic/v1/messages", content=b"{}").status_code == 200
    assert runner.post("/runner/end", json={"reason": "exited", "text": "nul \x00"}).status_code == 204
    with postgres_house.database.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM exchanges")).scalar_one() == 1
        assert tx.execute(text("SELECT count(*) FROM audit")).scalar_one() == 1
