"""The intake: on file before anybody is told, once per delivery, and one bad row harms no other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from app.core.event import Actor, Event, Ignored, Repo, Unknown
from app.core.roster import Known, Roster
from app.errors import LedgerUnavailable
from app.intake import Intake, Receipt
from app.ledger import inbox, repositories, schema
from app.ledger.database import Database

REPO = Repo(id=1, full_name="octo/hello", default_branch="main")
OCTOCAT = Actor(id="1", login="octocat", kind="person")


def event(key: str) -> Event:
    return Event(
        source="github", kind="issues.labeled", delivery_key=key, thread="github:octo/hello#7", actor=OCTOCAT,
        repo=REPO, url="https://github.com/octo/hello/issues/7",
    )


class Bell:
    """A Wakeup that remembers; told to, it fails."""

    def __init__(self) -> None:
        self.routed: list[int] = []
        self.rang = threading.Event()
        self.broken = False

    def route(self, inbox_id: int) -> None:
        if self.broken:
            raise ConnectionError("no broker")
        self.routed.append(inbox_id)
        self.rang.set()

    def start(self, run_id: str, host: str) -> None:
        raise AssertionError("not the intake's business")

    def finish(self, run_id: str, host: str) -> None:
        raise AssertionError("not the intake's business")

    def sweep(self, host: str) -> None:
        raise AssertionError("not the intake's business")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    ledger = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    schema.upgrade(ledger)
    yield ledger
    ledger.close()


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def intake(database: Database, bell: Bell) -> Iterator[Intake]:
    taken = Intake(database, bell)
    yield taken
    taken.close()


def rows(database: Database) -> list[tuple[int, str]]:
    with database.read() as tx:
        return [(row[0], row[1]) for row in tx.execute(text("SELECT id, delivery_key FROM inbox ORDER BY id"))]


def totals(database: Database) -> dict[tuple[str, str, str], int]:
    with database.read() as tx:
        return inbox.delivery_totals(tx)


@pytest.mark.anyio
async def test_an_event_is_on_file_when_the_answer_comes(intake: Intake, database: Database, bell: Bell) -> None:
    receipt = await intake.accept(event("a"))
    assert rows(database) == [(receipt.id, "a")]
    assert receipt.result == "accepted"
    assert await asyncio.to_thread(bell.rang.wait, 5)
    assert bell.routed == [receipt.id]


@pytest.mark.anyio
async def test_r4_ten_at_once_make_one_row(intake: Intake, database: Database, bell: Bell) -> None:
    receipts = await asyncio.gather(*(intake.accept(event("same")) for _ in range(10)))
    assert sorted(receipt.result for receipt in receipts) == ["accepted"] + ["duplicate"] * 9
    assert len({receipt.id for receipt in receipts}) == 1
    intake.close()
    assert len(rows(database)) == len(bell.routed) == 1
    assert totals(database) == {("github", "duplicate", "issues.labeled"): 9}


@pytest.mark.anyio
async def test_r4_two_web_processes_make_one_row(intake: Intake, database: Database, bell: Bell) -> None:
    other = Intake(database, bell)
    receipts = await asyncio.gather(*((intake, other)[i % 2].accept(event("same")) for i in range(40)))
    other.close()
    intake.close()
    assert [receipt.result for receipt in receipts].count("accepted") == 1
    assert len(rows(database)) == len(bell.routed) == 1


@pytest.mark.anyio
async def test_a_burst_is_all_on_file(intake: Intake, database: Database) -> None:
    receipts = await asyncio.gather(*(intake.accept(event(f"k{i}")) for i in range(350)))
    assert [receipt.result for receipt in receipts] == ["accepted"] * 350
    assert dict(rows(database)) == {receipt.id: f"k{i}" for i, receipt in enumerate(receipts)}


@pytest.mark.anyio
async def test_one_bad_row_does_not_take_its_neighbours_with_it(intake: Intake, database: Database) -> None:
    with database.begin() as tx:
        tx.execute(text(
            "CREATE TRIGGER poison BEFORE INSERT ON inbox WHEN NEW.delivery_key = 'bad' "
            "BEGIN SELECT RAISE(ABORT, 'poison'); END"
        ))
    answers = await asyncio.gather(*(intake.accept(event(key)) for key in ("a", "bad", "b", "c")), return_exceptions=True)
    assert isinstance(answers[1], LedgerUnavailable)
    assert [key for _, key in rows(database)] == ["a", "b", "c"]
    assert (await intake.accept(event("after"))).result == "accepted"


@pytest.mark.anyio
async def test_r15_a_database_that_fails_is_said_and_survived(intake: Intake, database: Database, bell: Bell) -> None:
    with database.begin() as tx:
        tx.execute(text("ALTER TABLE inbox RENAME TO away"))
    with pytest.raises(LedgerUnavailable):
        await intake.accept(event("a"))
    with database.begin() as tx:
        tx.execute(text("ALTER TABLE away RENAME TO inbox"))
    assert (await intake.accept(event("a"))).result == "accepted"
    assert await asyncio.to_thread(bell.rang.wait, 5)
    assert len(bell.routed) == 1


@pytest.mark.anyio
async def test_a_database_that_is_silent_is_not_waited_for(
    intake: Intake, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.intake.ANSWER_SECONDS", 0.2)
    with database.begin() as blocker:
        blocker.execute(text("SELECT 1"))
        with pytest.raises(LedgerUnavailable, match="in time"):
            await intake.accept(event("late"))
    # What was given up on goes on file all the same, and its repetition is a duplicate of it.
    monkeypatch.setattr("app.intake.ANSWER_SECONDS", 8)
    assert (await intake.accept(event("late"))).result == "duplicate"
    assert len(rows(database)) == 1


@pytest.mark.anyio
async def test_a_broken_wakeup_fails_nothing(intake: Intake, bell: Bell) -> None:
    bell.broken = True
    assert (await intake.accept(event("a"))).result == "accepted"
    assert (await intake.accept(event("b"))).result == "accepted"


@pytest.mark.anyio
async def test_what_is_no_event_is_counted_apart(intake: Intake, database: Database) -> None:
    ping = Ignored(source="github", kind="ping", reason="ping")
    assert await intake.accept(ping) == Receipt("ignored", "ping")
    assert await intake.accept(ping) == Receipt("ignored", "ping")
    assert await intake.accept(Unknown(source="github", kind="new")) == Receipt("unknown", "new")
    intake.close()
    assert rows(database) == []
    assert totals(database) == {("github", "ignored", "ping: ping"): 2, ("github", "unknown", "new"): 1}


@pytest.mark.anyio
async def test_counts_are_written_while_it_runs(intake: Intake, database: Database) -> None:
    await intake.accept(Unknown(source="github", kind="new"))
    async with asyncio.timeout(10):
        while not totals(database):  # noqa: ASYNC110 - the database sends no signal
            await asyncio.sleep(0.05)


@pytest.mark.anyio
async def test_after_the_end_nothing_is_taken(intake: Intake) -> None:
    intake.close()
    with pytest.raises(LedgerUnavailable, match="stopping"):
        await intake.accept(event("a"))


@pytest.mark.anyio
async def test_news_of_an_installation_is_on_file_when_the_answer_comes(intake: Intake, database: Database, bell: Bell) -> None:
    news = Roster(
        source="github", kind="installation.created", installation_id=5, here=(Known(id=1, full_name="octo/hello", default_branch="main"),)
    )
    assert await intake.accept(news) == Receipt("heard")
    with database.read() as tx:
        assert [each.full_name for each in repositories.known(tx)] == ["octo/hello"]
    assert (rows(database), bell.routed) == ([], [])
    database.close()
    with database.begin() as tx:
        tx.execute(text("DROP TABLE repositories"))
    with pytest.raises(LedgerUnavailable):
        await intake.accept(news)
